//! What reading events finds besides the events.

use crate::error::BadRows;
use std::collections::{BTreeMap, BTreeSet};

/// What reading found besides the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// How many rows were read, usable or not.
    pub rows: u64,
    /// Rows that cannot be used.
    pub bad: BadRows,
    /// Rows of a type that has no weight.
    pub unlisted_type: u64,
    /// The types of these rows, with their numbers: of very many types the first that came.
    pub unlisted: BTreeMap<String, u64>,
    /// The types with a weight that occur.
    pub listed: BTreeSet<String>,
    /// Rows with a weight of zero.
    pub weightless: u64,
    /// Rows whose time is later than now.
    pub future: u64,
}

/// Types without a weight that are told apart, and their letters.
const MOST_UNLISTED: usize = 100;
/// Letters of a type that are told.
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

    /// Remembers that a type with a weight occurs.
    pub fn notice_listed(&mut self, name: &str) {
        if !self.listed.contains(name) {
            self.listed.insert(name.to_owned());
        }
    }
}
