//! Statistics of the rows read, for messages.

use crate::error::BadRows;
use std::collections::{BTreeMap, BTreeSet};

/// Statistics of the rows read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// The number of rows read, usable or not.
    pub rows: u64,
    /// The rows that cannot be used.
    pub bad: BadRows,
    /// The number of rows with a type that has no weight.
    pub unlisted_type: u64,
    /// The number of such rows per type; only the first types met if there are very many.
    pub unlisted: BTreeMap<String, u64>,
    /// The types that occur with a weight or as seen, as far as any of them are named; only the first ones met if there are
    /// very many.
    pub listed: BTreeSet<String>,
    /// The number of rows with a weight of zero.
    pub weightless: u64,
    /// The number of rows with a time in the future.
    pub future: u64,
}

/// The maximum number of unlisted types that are counted separately.
const MOST_UNLISTED: usize = 100;
/// The maximum number of listed types that are told apart.
const MOST_LISTED: usize = 10_000;
/// The maximum number of characters of a type name that are kept.
const LONGEST_TYPE: usize = 60;

impl ReadReport {
    /// Counts a row whose type has no weight.
    pub fn count_unlisted(&mut self, name: Option<&str>) {
        self.unlisted_type += 1;
        let name: String = name.unwrap_or("null").chars().take(LONGEST_TYPE).collect();
        if self.unlisted.len() < MOST_UNLISTED || self.unlisted.contains_key(&name) {
            *self.unlisted.entry(name).or_default() += 1;
        }
    }

    /// Records that a type occurs which has a weight or counts as seen.
    pub fn notice_listed(&mut self, name: &str) {
        if !self.listed.contains(name) && self.listed.len() < MOST_LISTED {
            self.listed.insert(name.to_owned());
        }
    }
}
