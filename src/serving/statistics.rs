//! Counting the lists that were answered.

use super::counters::{Counter, add};
use super::recommendation::{Person, Recommendation};
use segrec_engine::ranking::Source;

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
