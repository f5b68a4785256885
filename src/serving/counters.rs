//! Counters of served requests since the server started, shared by all sessions and shown by
//! `segrec.serving_statistics`.

use crate::catalog::models;
use crate::catalog::statement::models_table;
use crate::error::Result;
use crate::pg::files::usage_counters::{COUNTERS, Counters};
use pgrx::pg_sys;
use std::cell::RefCell;

/// A counter; its discriminant is its index.
#[derive(Clone, Copy)]
pub enum Counter {
    /// Lists requested.
    Calls,
    /// Lists for users with factors from the training.
    Stored,
    /// Lists for users who were folded in.
    FoldedIn,
    /// Lists for users who were scored by their attributes.
    Attributes,
    /// Lists with items that are popular in the segment.
    SegmentPopular,
    /// Lists with items that are popular overall.
    Popular,
    /// Empty lists.
    Empty,
    /// Cache files written.
    FilesWritten,
}

thread_local! {
    /// The counters, keyed by the oid of the models table, since the extension may be recreated. Opened at a session's
    /// first call; `None` if that fails.
    static COUNTED: RefCell<Option<(pg_sys::Oid, Option<Counters>)>> = const { RefCell::new(None) };
}

/// Increments counters of a model.
pub fn add(model_id: i64, counters: impl IntoIterator<Item = Counter>) {
    let Ok((table, _)) = models_table() else { return };
    COUNTED.with_borrow_mut(|counted| {
        if counted.as_ref().is_none_or(|(of, _)| *of != table) {
            *counted = Some((table, Counters::open(table, true)));
        }
        if let Some((_, Some(counted))) = counted {
            counted.add(model_id, counters.into_iter().map(|counter| counter as usize));
        }
    });
}

/// Counts a written cache file.
pub fn count_file(model_id: i64) {
    add(model_id, [Counter::FilesWritten]);
}

/// The counters of a model.
pub struct ServingCounts {
    pub model: String,
    /// The values, in the order of [`Counter`].
    pub counts: [i64; COUNTERS],
    /// When counting started, in microseconds since 2000.
    pub since: i64,
}

/// The counters of all models that the caller may use; empty if nothing has been counted yet.
pub fn lines() -> Result<Vec<ServingCounts>> {
    let Some(counters) = Counters::open(models_table()?.0, false) else {
        return Ok(Vec::new());
    };
    let line = |(id, model)| ServingCounts {
        model,
        counts: counters.get(id).map(|count| count as i64),
        since: counters.since(),
    };
    Ok(models::usable()?.into_iter().map(line).collect())
}
