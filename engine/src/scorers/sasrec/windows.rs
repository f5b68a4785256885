//! The sequences that a training reads, and the windows of an epoch.

use crate::error::{EngineError, Result};
use crate::seed::{mix, random};
use rand::Rng;
use rand::seq::SliceRandom;
use std::collections::HashSet;

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

/// The windows in batches of `size`, in their order; if asked, no batch has two windows of one user: the later one waits
/// for the next batch, and the last batches may be smaller.
pub(super) fn batches(windows: Vec<Window>, size: usize, apart: bool) -> Vec<Vec<Window>> {
    if !apart {
        return windows.chunks(size).map(<[Window]>::to_vec).collect();
    }
    let mut batches: Vec<Vec<Window>> = Vec::new();
    let mut windows = windows.into_iter();
    let mut waiting: Vec<Window> = Vec::new();
    loop {
        let mut batch: Vec<Window> = Vec::with_capacity(size);
        let mut users = HashSet::with_capacity(size);
        let mut again = Vec::new();
        for window in std::mem::take(&mut waiting) {
            let fits = batch.len() < size && users.insert(window.user);
            if fits { batch.push(window) } else { again.push(window) }
        }
        while batch.len() < size {
            let Some(window) = windows.next() else { break };
            if users.insert(window.user) { batch.push(window) } else { again.push(window) }
        }
        waiting = again;
        if batch.is_empty() {
            return batches;
        }
        batches.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_but_the_first_is_a_target_once_an_epoch() {
        let items: Vec<u32> = (0..100).collect();
        let sequences = SasrecSequences::new(&[0, 0, 1, 3, 77, 100], &items, 100).unwrap();
        let (one, two) = (epoch(sequences, 10, 1, 1), epoch(sequences, 10, 1, 2));
        assert_ne!(one, two);
        for windows in [one, two] {
            assert!(windows.iter().all(|window| (1..=10).contains(&window.length)));
            let targets = windows.iter().flat_map(|window| {
                let own = sequences.of_user(window.user as usize);
                window.inputs().map(|place| window.target(own, place, 1, 0))
            });
            let mut targets: Vec<u32> = targets.collect();
            targets.sort_unstable();
            let expected: Vec<u32> = (2..3).chain(4..77).chain(78..100).collect();
            assert_eq!(targets, expected);
        }
    }

    #[test]
    fn batches_apart_have_every_window_and_no_user_twice() {
        let windows: Vec<Window> = (0..50)
            .map(|place| Window { user: mix(place) as u32 % 9, end: place as u32, length: 1 })
            .collect();
        let apart = batches(windows.clone(), 4, true);
        for batch in &apart {
            let users: HashSet<u32> = batch.iter().map(|window| window.user).collect();
            assert!(users.len() == batch.len() && batch.len() <= 4);
        }
        let mut all = apart.concat();
        all.sort_unstable_by_key(|window| window.end);
        assert_eq!(all, windows);
        assert_eq!(batches(windows.clone(), 4, false).concat(), windows);
    }
}
