//! The sequences that a training reads, and the windows of an epoch.

use crate::error::{EngineError, Result};
use crate::seed::{mix, random};
use rand::Rng;
use rand::seq::SliceRandom;

/// The items of all users, oldest first: those of user u are `items[starts[u]..starts[u + 1]]`. An item may occur more
/// than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SasrecSequences<'a> {
    starts: &'a [usize],
    items: &'a [u32],
    count: usize,
}

impl<'a> SasrecSequences<'a> {
    /// Takes sequences of items with numbers below `count`.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the starts do not divide the items, or an item has a larger number.
    pub fn new(starts: &'a [usize], items: &'a [u32], count: usize) -> Result<Self> {
        let end = starts.last().copied().unwrap_or(0);
        if end != items.len() || !starts.is_sorted() || starts.first().is_some_and(|&first| first != 0) {
            return Err(EngineError::Shape { what: "sequences", expected: items.len(), found: end });
        }
        match items.iter().max() {
            Some(&most) if most as usize >= count => Err(EngineError::Shape {
                what: "items of sequences",
                expected: count,
                found: most as usize + 1,
            }),
            _ => Ok(Self { starts, items, count }),
        }
    }

    /// The number of users.
    pub fn users(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The number of items that there are.
    pub fn items(&self) -> usize {
        self.count
    }

    /// The items of a user, oldest first.
    pub fn of_user(&self, user: usize) -> &'a [u32] {
        &self.items[self.starts[user]..self.starts[user + 1]]
    }

    /// The number of events of each item.
    pub fn events(&self) -> Vec<u32> {
        let mut events = vec![0; self.count];
        self.items.iter().for_each(|&item| events[item as usize] += 1);
        events
    }
}

/// A part of a user's sequence: reads `length` items before the item `end`, and learns to predict the one after each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The user.
    pub user: u32,
    /// The place of the last target in the user's sequence, if the target is the next item.
    pub end: u32,
    /// The number of targets.
    pub length: u32,
}

impl Window {
    /// The places of the items that are read.
    pub fn inputs(self) -> std::ops::Range<usize> {
        (self.end - self.length) as usize..self.end as usize
    }

    /// The item that follows that at `place`, or by the key one of the next `horizon`.
    pub fn target(self, sequence: &[u32], place: usize, horizon: usize, key: u64) -> u32 {
        let reach = horizon.min(sequence.len() - 1 - place);
        let ahead = if reach > 1 { mix(key ^ place as u64) as usize % reach } else { 0 };
        sequence[place + 1 + ahead]
    }
}

/// The windows of an epoch, in random order. Every item but a user's first is a target once; where a long sequence is
/// cut differs from epoch to epoch.
pub(super) fn epoch(sequences: SasrecSequences<'_>, length: usize, seed: u64, number: usize) -> Vec<Window> {
    let mut generator = random(mix(seed ^ number as u64), "sasrec windows");
    let mut windows = Vec::new();
    for user in 0..sequences.users() {
        let last = sequences.of_user(user).len().saturating_sub(1);
        let mut end = last;
        let mut most = if last > length { generator.gen_range(1..=length) } else { length };
        while end > 0 {
            let targets = end.min(most);
            windows.push(Window { user: user as u32, end: end as u32, length: targets as u32 });
            end -= targets;
            most = length;
        }
    }
    windows.shuffle(&mut generator);
    windows
}
