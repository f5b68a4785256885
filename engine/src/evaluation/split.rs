//! The ways to choose the events that are held out.

use crate::error::Result;
use crate::interactions::Events;
use crate::observer::Observer;
use crate::seed::mix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::ops::Range;
use strum::{IntoStaticStr, VariantNames};

/// Users between two checks for cancellation: some thousands of events.
const USERS_BETWEEN_CHECKS: u32 = 256;

/// The requested split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SplitChoice {
    /// By time if events have times, else random.
    Auto,
    /// The latest events.
    Time,
    /// The last new items of each user.
    Last,
    /// A share of each user's items, chosen by a hash of user and item.
    Random,
}

impl SplitChoice {
    /// The name used in SQL.
    pub(super) fn name(self) -> &'static str {
        self.into()
    }
}

/// The checked settings of the holdout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldoutOptions {
    /// Which events are held out.
    pub split: SplitChoice,
    /// The share of events to hold out, for time and random.
    pub share: f64,
    /// The number of items to hold out per user, for last.
    pub last: usize,
}

/// The split that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Split {
    /// Events after this moment (microseconds) are held out.
    Time {
        /// The last moment of the training part.
        cutoff: i64,
    },
    /// The last new items of each user are held out.
    Last,
    /// Pairs whose hash is below the share are held out, the same in every run.
    Random,
    /// Pairs whose hash is in one of several equal ranges are held out; each pair is in exactly one fold.
    Fold {
        /// The number of the fold, from 0.
        fold: usize,
        /// The number of folds.
        folds: usize,
    },
    /// All events on some items are held out, and others.
    Items,
}

impl Split {
    /// The name used in SQL.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A predicate of the events that are held out.
#[derive(Clone, Debug)]
pub(super) enum Choice {
    /// Events after this moment.
    After(i64),
    /// For each user, the events after a moment and, at that moment, those of the listed items (ascending).
    AfterEach(Vec<(i64, Vec<u32>)>),
    /// Pairs whose hash is in the range.
    Hashed(PairHashes, Range<u128>),
    /// All events on the marked items, and pairs whose hash is in the range.
    OfItems(Vec<bool>, PairHashes, Range<u128>),
}

impl Choice {
    /// The predicate for a requested split, and the split that it results in if events have no times.
    pub(super) fn by(
        way: SplitChoice,
        events: &Events,
        options: &HoldoutOptions,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<(Split, Self)> {
        let random = || {
            let range = 0..u128::from((options.share * u64::MAX as f64) as u64);
            (Split::Random, Self::Hashed(PairHashes::new(events, seed), range))
        };
        Ok(match way {
            SplitChoice::Auto | SplitChoice::Time => match events.time_quantile(options.share) {
                Some(cutoff) => (Split::Time { cutoff }, Self::After(cutoff)),
                None => random(),
            },
            SplitChoice::Last => {
                let split = if events.is_timed() { Split::Last } else { Split::Random };
                (split, Self::AfterEach(last_of_each(events, options.last, seed, observer)?))
            }
            SplitChoice::Random => random(),
        })
    }

    /// One of `folds` equal parts of the pairs.
    pub(super) fn fold(events: &Events, fold: usize, folds: usize, seed: u64) -> Self {
        let start = |fold: usize| ((fold as u128) << 64) / folds as u128;
        Self::Hashed(PairHashes::new(events, seed), start(fold)..start(fold + 1))
    }

    /// All events on the marked items, and a share of the other pairs.
    pub(super) fn of_items(events: &Events, hidden: Vec<bool>, share: f64, seed: u64) -> Self {
        let range = 0..u128::from((share * u64::MAX as f64) as u64);
        Self::OfItems(hidden, PairHashes::new(events, seed), range)
    }

    pub(super) fn holds_out(&self, user: u32, item: u32, time: i64) -> bool {
        match self {
            Self::After(cutoff) => time > *cutoff,
            Self::AfterEach(cutoffs) => {
                let (cutoff, items) = &cutoffs[user as usize];
                time > *cutoff || time == *cutoff && items.binary_search(&item).is_ok()
            }
            Self::Hashed(hashes, range) => range.contains(&u128::from(hashes.of(user, item))),
            Self::OfItems(hidden, hashes, range) => {
                hidden[item as usize] || range.contains(&u128::from(hashes.of(user, item)))
            }
        }
    }
}

/// A hash of every user-item pair, which depends only on their ids and the seed.
#[derive(Clone, Debug)]
pub(super) struct PairHashes {
    users: Vec<u64>,
    items: Vec<u64>,
}

impl PairHashes {
    fn new(events: &Events, seed: u64) -> Self {
        Self {
            users: (0..events.users().len()).map(|user| events.users().stable_hash(user, seed)).collect(),
            items: (0..events.items().len()).map(|item| events.items().stable_hash(item, !seed)).collect(),
        }
    }

    fn of(&self, user: u32, item: u32) -> u64 {
        mix(self.users[user as usize] ^ self.items[item as usize])
    }
}

/// For each user, the moment from which events are held out, and which of the items first met at that moment: enough
/// for `count` new items, or half of the user's items if these are fewer. Later events on older items are held out too,
/// since training must not see the future. Items met at the same time are ordered by the hash of the pair.
fn last_of_each(
    events: &Events,
    count: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<(i64, Vec<u32>)>> {
    let hashes = PairHashes::new(events, seed);
    let users = events.users().len() as u32;
    (0..users)
        .into_par_iter()
        .map(|user| {
            if user % USERS_BETWEEN_CHECKS == 0 {
                observer.check()?;
            }
            let mut met: Vec<(u32, i64)> =
                events.of_user(user as usize).map(|event| (event.item, event.time)).collect();
            met.sort_unstable();
            met.dedup_by_key(|first| first.0);
            let count = count.min(met.len() / 2);
            met.sort_unstable_by_key(|&(item, time)| (Reverse(time), hashes.of(user, item), item));
            met.truncate(count);
            let Some(&(_, cutoff)) = met.last() else { return Ok((i64::MAX, Vec::new())) };
            let mut items: Vec<u32> =
                met.iter().filter(|first| first.1 == cutoff).map(|first| first.0).collect();
            items.sort_unstable();
            Ok((cutoff, items))
        })
        .collect()
}
