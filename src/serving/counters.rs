//! What serving has done since the server started: counted by all sessions, shown by `segrec.serving_statistics`.

use crate::catalog::models;
use crate::catalog::statement::models_table;
use crate::error::Result;
use crate::pg::files::usage_counters::{COUNTERS, Counters};
use pgrx::pg_sys;
use std::cell::RefCell;

/// What is counted; the number of a counter is its place.
#[derive(Clone, Copy)]
pub enum Counter {
    /// Lists that were asked for.
    Calls,
    /// For users with factors of the training.
    Stored,
    /// For users that were folded in.
    FoldedIn,
    /// With items that are popular in a segment.
    SegmentPopular,
    /// With items that are popular with everybody.
    Popular,
    /// Without an item.
    Empty,
    /// Files of versions that were written.
    FilesWritten,
}

thread_local! {
    /// Of which installation, and its counters; opened at the first call of a session, none where they cannot be.
    static COUNTED: RefCell<Option<(pg_sys::Oid, Option<Counters>)>> = const { RefCell::new(None) };
}

/// Counts what happened to a model.
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

/// Counts that the file of a version was written.
pub fn count_file(model_id: i64) {
    add(model_id, [Counter::FilesWritten]);
}

/// The counters of a model.
pub struct ServingCounts {
    pub model: String,
    /// In the order of [`Counter`].
    pub counts: [i64; COUNTERS],
    /// Since when, in microseconds since 2000.
    pub since: i64,
}

/// The counters of all models that the caller may use; none where nothing was counted yet.
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
