//! Which items a call allows in its list.

use super::ids::item_numbers;
use super::version::ServedVersion;
use segrec_engine::interactions::Id;
use std::borrow::Cow;

/// Which items a call allows in its list; all by default.
#[derive(Clone, Debug, Default)]
pub struct Selection<'a> {
    /// The only items that it may have, if given.
    pub candidates: Option<Vec<Id<'a>>>,
    /// Items that it may not have.
    pub exclude: Vec<Id<'a>>,
    /// The most items of one group, if that is limited.
    pub max_per_group: Option<usize>,
    /// The number of better items that it leaves to the pages before it.
    pub skip: usize,
}

impl Selection<'_> {
    /// The numbers of the excluded items that the version knows, ascending.
    pub fn excluded(&self, version: &ServedVersion) -> Vec<u32> {
        let mut numbers = item_numbers(version, &self.exclude);
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// The union of two ascending sequences.
pub fn union<'a>(some: &'a [u32], others: &'a [u32]) -> Cow<'a, [u32]> {
    match (some, others) {
        (some, []) => Cow::Borrowed(some),
        ([], others) => Cow::Borrowed(others),
        (some, others) => {
            let mut all = [some, others].concat();
            // Merges the two, which are in order.
            all.sort();
            all.dedup();
            Cow::Owned(all)
        }
    }
}
