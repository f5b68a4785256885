//! Counts the lists that were served.

use super::counters::{Counter, add};
use segrec_engine::ranking::Source;

/// Where the factors of the person come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorSource {
    /// From the training.
    Stored,
    /// From events since.
    FoldedIn,
}

/// Counts a list by the sources of its items.
pub fn count(
    model_id: i64,
    scored_with: Option<FactorSource>,
    mut sources: impl Iterator<Item = Source> + Clone,
) {
    let has = |source| sources.clone().any(|own| own == source);
    let counted = [
        (Counter::Calls, true),
        (Counter::Stored, scored_with == Some(FactorSource::Stored)),
        (Counter::FoldedIn, scored_with == Some(FactorSource::FoldedIn)),
        (Counter::Attributes, has(Source::Attributes)),
        (Counter::SegmentPopular, has(Source::SegmentPopular)),
        (Counter::Popular, has(Source::Popular) || has(Source::PopularNow)),
        (Counter::Empty, sources.next().is_none()),
    ];
    add(model_id, counted.into_iter().filter_map(|(counter, counts)| counts.then_some(counter)));
}
