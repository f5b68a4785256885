//! What serving has done since the server started: counted by all sessions, shown by `segrec.serving_statistics`.

use super::recommendation::{Person, Recommendation};
use crate::catalog::models;
use crate::catalog::statement::models_table;
use crate::error::Result;
use crate::pg::files::usage_counters::{COUNTERS, Counters};
use pgrx::pg_sys;
use segrec_engine::ranking::Source;
use std::cell::RefCell;

/// What is counted; the number of a counter is its place.
#[derive(Clone, Copy)]
enum Counter {
    Calls,
    Stored,
    FoldedIn,
    SegmentPopular,
    Popular,
    Empty,
    FilesWritten,
}

thread_local! {
    /// Of which installation, and its counters; opened at the first call of a session, none where they cannot be.
    static COUNTED: RefCell<Option<(pg_sys::Oid, Option<Counters>)>> = const { RefCell::new(None) };
}

fn add(model_id: i64, counters: impl IntoIterator<Item = Counter>) {
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

/// Counts a list: what it was scored with, and with what it was filled.
pub fn count(model_id: i64, person: &Person, list: &Recommendation) {
    let has = |source| list.items.iter().any(|item| item.source == source);
    let counted = [
        (Counter::Calls, true),
        (Counter::Stored, person.is_stored()),
        (Counter::FoldedIn, person.factors.is_some() && !person.is_stored()),
        (Counter::SegmentPopular, has(Source::SegmentPopular)),
        (Counter::Popular, has(Source::Popular)),
        (Counter::Empty, list.items.is_empty()),
    ];
    add(model_id, counted.into_iter().filter_map(|(counter, counts)| counts.then_some(counter)));
}

/// Counts that the file of a version was written.
pub fn count_file(model_id: i64) {
    add(model_id, [Counter::FilesWritten]);
}

/// A line of the view.
pub struct Line {
    /// The model.
    pub model: String,
    /// In the order of [`Counter`].
    pub counts: [i64; COUNTERS],
    /// Since when, in microseconds since 2000.
    pub since: i64,
}

/// The counters of all models that the caller may use; none where nothing was counted yet.
pub fn lines() -> Result<Vec<Line>> {
    let Some(counters) = Counters::open(models_table()?.0, false) else {
        return Ok(Vec::new());
    };
    let line = |(id, model)| Line {
        model,
        counts: counters.get(id).map(|count| count as i64),
        since: counters.since(),
    };
    Ok(models::usable()?.into_iter().map(line).collect())
}
