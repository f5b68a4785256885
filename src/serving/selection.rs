//! Which items a call allows in its list.

use super::ids::item_numbers;
use super::version::ServedVersion;
use crate::error::Result;
use crate::pg::process::memory::ask;
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

/// The numbers of `0 .. count`.
pub fn every(count: usize) -> Result<Vec<u32>> {
    ask("the items of a version", size_of::<u32>() * count)?;
    Ok((0..count as u32).collect())
}

/// Those of some items that are among the candidates, if there are any. Both are ascending.
pub fn among<'a>(items: &'a [u32], candidates: Option<&[u32]>) -> Cow<'a, [u32]> {
    match candidates {
        Some(candidates) => {
            items.iter().copied().filter(|item| candidates.binary_search(item).is_ok()).collect()
        }
        None => Cow::Borrowed(items),
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
