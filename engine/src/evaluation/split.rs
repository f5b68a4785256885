//! Which events are held out of a training to measure it.

use crate::error::Result;
use crate::interactions::{Events, Interactions, SparseRows, Weighting};
use crate::observer::Observer;
use crate::seed::mix;
use serde::{Deserialize, Serialize};

/// How to choose held-out events, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitChoice {
    /// By time where events have times, else random.
    Auto,
    /// The latest events.
    Time,
    /// A share of each user's items, chosen by a hash of user and item.
    Random,
}

/// The settings of the holdout, checked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldoutOptions {
    /// How held-out events are chosen.
    pub split: SplitChoice,
    /// The share of events that is held out.
    pub share: f64,
}

/// How held-out events were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Events after this moment (microseconds) are held out.
    Time {
        /// The last moment of the training part.
        cutoff: i64,
    },
    /// Pairs whose hash falls below the share are held out: the same ones every time.
    Random,
}

impl Split {
    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time { .. } => "time",
            Self::Random => "random",
        }
    }
}

/// Events in two parts that share no (user, item) pair.
#[derive(Clone, Debug)]
pub struct Holdout {
    /// How the parts were chosen.
    pub split: Split,
    /// What to train on.
    pub training: Interactions,
    /// What to predict: users × items, only users that have training items and items that do.
    pub test: SparseRows,
    choice: Choice,
}

/// Which pair is held out, for events of the same users and items.
#[derive(Clone, Debug)]
enum Choice {
    /// Events after this moment.
    After(i64),
    /// Pairs whose mixed hashes fall below the limit.
    Hashed { users: Vec<u64>, items: Vec<u64>, limit: u64 },
}

impl Choice {
    fn holds_out(&self, user: u32, item: u32, time: i64) -> bool {
        match self {
            Self::After(cutoff) => time > *cutoff,
            Self::Hashed { users, items, limit } => mix(users[user as usize] ^ items[item as usize]) < *limit,
        }
    }
}

impl Holdout {
    /// Divides the events.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn new(
        events: &Events,
        weighting: &Weighting,
        options: &HoldoutOptions,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let cutoff = match options.split {
            SplitChoice::Random => None,
            SplitChoice::Auto | SplitChoice::Time => events.time_quantile(options.share),
        };
        let (split, choice) = match cutoff {
            Some(cutoff) => (Split::Time { cutoff }, Choice::After(cutoff)),
            None => {
                let users = (0..events.users().len()).map(|u| events.users().stable_hash(u, seed)).collect();
                let items = (0..events.items().len()).map(|i| events.items().stable_hash(i, !seed)).collect();
                let limit = (options.share * u64::MAX as f64) as u64;
                (Split::Random, Choice::Hashed { users, items, limit })
            }
        };
        let part = |held_out: bool| {
            let keep = |user, item, time| choice.holds_out(user, item, time) == held_out;
            events.interactions(weighting, keep, observer)
        };
        let (training, held_out) = (part(false)?, part(true)?);
        let test = predictable(&training, &held_out)?;
        Ok(Self { split, training, test, choice })
    }

    /// True for events of the training part.
    pub fn is_training(&self, user: u32, item: u32, time: i64) -> bool {
        !self.choice.holds_out(user, item, time)
    }
}

/// The held-out pairs that a model can be asked for: the user has training items, the item has
/// training users, and the pair itself is new.
fn predictable(training: &Interactions, held_out: &Interactions) -> Result<SparseRows> {
    let mut starts = vec![0];
    let mut columns = Vec::new();
    for user in 0..training.users() {
        let known = training.by_user().row(user).0;
        if !known.is_empty() {
            let items = held_out.by_user().row(user).0;
            columns.extend(items.iter().filter(|&&item| {
                known.binary_search(&item).is_err() && training.by_item().row_len(item as usize) > 0
            }));
        }
        starts.push(columns.len());
    }
    let values = vec![1.0; columns.len()];
    SparseRows::new(training.items(), starts, columns, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{Duplicates, EventLimits, Id, IdKind, RawEvents};
    use crate::observer::Silent;

    const WEIGHTING: Weighting = Weighting { duplicates: Duplicates::Sum, half_life: None, anchor: 0 };

    fn events(pairs: impl Iterator<Item = (i64, i64)>) -> Events {
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
        pairs
            .enumerate()
            .for_each(|(n, (user, item))| raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, n as i64));
        let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 5000 };
        Events::new(raw, limits, &Silent).unwrap()
    }

    #[test]
    fn a_random_split_holds_out_the_same_pairs_when_others_are_added() {
        let options = HoldoutOptions { split: SplitChoice::Random, share: 0.2 };
        let held_out = |users: i64| {
            let events = events(
                (0..users).flat_map(|u| (0..40).filter(move |i| (u * i) % 3 != 1).map(move |i| (u, i))),
            );
            let holdout = Holdout::new(&events, &WEIGHTING, &options, 42, &Silent).unwrap();
            (0..50).map(|user| holdout.test.row(user).0.to_vec()).collect::<Vec<_>>()
        };
        let first = held_out(50);
        assert_eq!(first, held_out(80));
        let share = first.iter().map(Vec::len).sum::<usize>() as f64 / (50.0 * 40.0 * 2.0 / 3.0);
        assert!((0.15..0.25).contains(&share), "{share}");
    }

    #[test]
    fn a_time_split_holds_out_the_latest_and_no_pair_is_in_both_parts() {
        let events = events((0..1000i64).map(|n| (n % 10, n * n % 37)));
        let options = HoldoutOptions { split: SplitChoice::Auto, share: 0.1 };
        let holdout = Holdout::new(&events, &WEIGHTING, &options, 42, &Silent).unwrap();
        assert_eq!(holdout.split, Split::Time { cutoff: 900 });
        for user in 0..10 {
            let known = holdout.training.by_user().row(user).0;
            assert!(holdout.test.row(user).0.iter().all(|item| !known.contains(item)));
        }
    }
}
