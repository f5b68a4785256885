//! Which events are held out of a training to measure it.

use crate::error::{EngineError, Result};
use crate::interactions::{Events, Interactions, SparseRows, Weighting};
use crate::observer::Observer;
use crate::seed::mix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::ops::Range;
use strum::{IntoStaticStr, VariantNames};

/// Users whose last items are sought without asking whether to stop: some thousands of events.
const USERS_BETWEEN_CHECKS: u32 = 256;

/// How to choose held-out events, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SplitChoice {
    /// By time where events have times, else random.
    Auto,
    /// The latest events.
    Time,
    /// The items that each user came to last.
    Last,
    /// A share of each user's items, chosen by a hash of user and item.
    Random,
}

impl SplitChoice {
    /// The name in SQL.
    fn name(self) -> &'static str {
        self.into()
    }
}

/// The settings of the holdout, checked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldoutOptions {
    /// How held-out events are chosen.
    pub split: SplitChoice,
    /// The share of events that is held out, for time and random.
    pub share: f64,
    /// How many items of each user are held out, for last.
    pub last: usize,
}

/// How held-out events were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Split {
    /// Events after this moment (microseconds) are held out.
    Time {
        /// The last moment of the training part.
        cutoff: i64,
    },
    /// The items that each user came to last are held out.
    Last,
    /// Pairs whose hash falls below the share are held out: the same ones every time.
    Random,
    /// Pairs whose hash falls into one of several equal parts are held out: every pair once in all folds.
    Fold {
        /// Which part, from 0.
        fold: usize,
        /// How many parts.
        folds: usize,
    },
}

impl Split {
    /// The name in SQL.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Events in two parts that share no (user, item) pair.
#[derive(Clone, Debug)]
pub struct Holdout {
    /// How the parts were chosen.
    pub split: Split,
    /// What to train on.
    pub training: Interactions,
    /// What to predict: users × items, only users that have training items and items that do. Values are
    /// confidences, or the ratings.
    pub test: SparseRows,
    /// The ways that would not do, in the order in which they were tried before this one.
    pub passed_over: Vec<PassedOver>,
    choice: Choice,
}

/// A way to hold out events that would not do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its name in SQL.
    pub split: &'static str,
    /// Why.
    pub reason: String,
}

/// Of the share that is to be held out, the least that a split by time may hold out where many events have the same
/// time.
const LEAST_OF_SHARE: f64 = 0.25;

/// Which events are held out, of the same users and items.
#[derive(Clone, Debug)]
enum Choice {
    /// Events after this moment.
    After(i64),
    /// For each user the events after a moment, and of those at it the events of these items (ascending).
    AfterEach(Vec<(i64, Vec<u32>)>),
    /// Pairs whose hashes fall into the range.
    Hashed(PairHashes, Range<u128>),
}

impl Choice {
    fn holds_out(&self, user: u32, item: u32, time: i64) -> bool {
        match self {
            Self::After(cutoff) => time > *cutoff,
            Self::AfterEach(cutoffs) => {
                let (cutoff, items) = &cutoffs[user as usize];
                time > *cutoff || time == *cutoff && items.binary_search(&item).is_ok()
            }
            Self::Hashed(hashes, range) => range.contains(&u128::from(hashes.of(user, item))),
        }
    }
}

/// A hash for every pair of user and item, of their ids and the seed: others do not change it.
#[derive(Clone, Debug)]
struct PairHashes {
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

impl Holdout {
    /// Divides the events. Without times, auto and time are random, and last takes as many items of each
    /// user by their hash. Where too many events have the same time for a split by time, or nothing can be held out in
    /// the way that was asked for, time gives way to last and last to random; where nothing can be held out at all, the
    /// test part is empty.
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
        let ways: &[SplitChoice] = match options.split {
            SplitChoice::Auto | SplitChoice::Time if events.is_timed() => {
                &[SplitChoice::Time, SplitChoice::Last, SplitChoice::Random]
            }
            SplitChoice::Last => &[SplitChoice::Last, SplitChoice::Random],
            _ => &[SplitChoice::Random],
        };
        let mut passed_over = Vec::new();
        let mut holdout = None;
        for &way in ways {
            let tried = Self::by(way, events, weighting, options, seed, observer)?;
            let problem = tried.problem(events, options);
            holdout = Some(tried);
            match problem {
                None => break,
                Some(reason) => passed_over.push(PassedOver { split: way.name(), reason }),
            }
        }
        let holdout = holdout
            .map_or_else(|| Self::by(SplitChoice::Random, events, weighting, options, seed, observer), Ok)?;
        Ok(Self { passed_over, ..holdout })
    }

    /// Divides in one way.
    fn by(
        way: SplitChoice,
        events: &Events,
        weighting: &Weighting,
        options: &HoldoutOptions,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let random = || {
            let range = 0..u128::from((options.share * u64::MAX as f64) as u64);
            (Split::Random, Choice::Hashed(PairHashes::new(events, seed), range))
        };
        let (split, choice) = match way {
            SplitChoice::Auto | SplitChoice::Time => match events.time_quantile(options.share) {
                Some(cutoff) => (Split::Time { cutoff }, Choice::After(cutoff)),
                None => random(),
            },
            SplitChoice::Last => {
                let split = if events.is_timed() { Split::Last } else { Split::Random };
                (split, Choice::AfterEach(last_of_each(events, options.last, seed, observer)?))
            }
            SplitChoice::Random => random(),
        };
        Self::divided(events, weighting, split, choice, observer)
    }

    /// Why this way would not do; none where it does.
    fn problem(&self, events: &Events, options: &HoldoutOptions) -> Option<String> {
        let total = events.len();
        if let Split::Time { cutoff } = self.split {
            let later = events.later(cutoff);
            if (later as f64) < LEAST_OF_SHARE * options.share * total as f64 {
                let share = 100.0 * options.share;
                return Some(format!(
                    "only {later} of {total} events are later than where the last {share:.0} % should begin: \
                     too many have the same time"
                ));
            }
        }
        (self.test.entries() == 0).then(|| match self.split {
            Split::Time { .. } => {
                "no user has events before and after that time, on items that others had before".to_owned()
            }
            _ => "no user has an item to hold out and others to train on, all of which other users have too"
                .to_owned(),
        })
    }

    /// Holds out one of `folds` parts of the pairs of user and item. A pair is in the same part in every run,
    /// and in exactly one.
    ///
    /// # Errors
    /// [`EngineError::Shape`] where there is no such part or only one, [`EngineError::Cancelled`].
    pub fn fold(
        events: &Events,
        weighting: &Weighting,
        fold: usize,
        folds: usize,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        if folds < 2 || fold >= folds {
            return Err(EngineError::Shape { what: "folds", expected: (fold + 1).max(2), found: folds });
        }
        let start = |fold: usize| ((fold as u128) << 64) / folds as u128;
        let choice = Choice::Hashed(PairHashes::new(events, seed), start(fold)..start(fold + 1));
        Self::divided(events, weighting, Split::Fold { fold, folds }, choice, observer)
    }

    fn divided(
        events: &Events,
        weighting: &Weighting,
        split: Split,
        choice: Choice,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let part = |held_out: bool| {
            let keep = |user, item, time| choice.holds_out(user, item, time) == held_out;
            events.interactions(weighting, keep, observer)
        };
        let (training, held_out) = (part(false)?, part(true)?);
        let test = predictable(&training, &held_out)?;
        Ok(Self { split, training, test, passed_over: Vec::new(), choice })
    }

    /// The same training part with other weights; what is to be predicted stays.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn weighted(&self, events: &Events, weighting: &Weighting, observer: &dyn Observer) -> Result<Self> {
        let keep = |user, item, time| self.is_training(user, item, time);
        let training = events.interactions(weighting, keep, observer)?;
        Ok(Self {
            split: self.split,
            training,
            test: self.test.clone(),
            passed_over: self.passed_over.clone(),
            choice: self.choice.clone(),
        })
    }

    /// True for events of the training part.
    pub fn is_training(&self, user: u32, item: u32, time: i64) -> bool {
        !self.choice.holds_out(user, item, time)
    }
}

/// For each user the moment from which events are held out, and which of the items first met at it: so many
/// that `count` items are new after it, or half of a user's where these are fewer. What a user did later with
/// older items is held out too, since training must not see the future. Items met at the same time are
/// ordered by the hash of the pair.
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

/// The held-out pairs that a model can be asked for: the user has training items, the item has
/// training users, and the user did not have it in any way.
fn predictable(training: &Interactions, held_out: &Interactions) -> Result<SparseRows> {
    let mut starts = vec![0];
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for user in 0..training.users() {
        let (known, seen) = (training.by_user().row(user).0, training.seen(user));
        let (items, weights) = held_out.by_user().row(user);
        for (&item, &weight) in items.iter().zip(weights).filter(|_| !known.is_empty()) {
            if seen.binary_search(&item).is_err() && training.by_item().row_len(item as usize) > 0 {
                columns.push(item);
                values.push(weight);
            }
        }
        starts.push(columns.len());
    }
    SparseRows::new(training.items(), starts, columns, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{Duplicates, EventLimits, Id, IdKind, RawEvents};
    use crate::observer::Silent;

    const WEIGHTING: Weighting =
        Weighting { duplicates: Duplicates::Sum, half_life: None, anchor: 0, ratings: false, shift: 0.0 };
    const AUTO: HoldoutOptions = HoldoutOptions { split: SplitChoice::Auto, share: 0.1, last: 1 };

    fn events(timed: bool, events: impl Iterator<Item = (i64, i64, i64)>) -> Events {
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, timed);
        events.for_each(|(user, item, time)| raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, time));
        let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 5000 };
        Events::new(raw, limits, &Silent).unwrap()
    }

    /// Forty users with some of forty items each.
    fn taste(users: i64) -> Events {
        let pairs =
            (0..users).flat_map(|u| (0..40).filter(move |i| (u * i) % 3 != 1).map(move |i| (u, i, u + i)));
        events(true, pairs)
    }

    fn held_out(events: &Events, options: HoldoutOptions) -> Holdout {
        Holdout::new(events, &WEIGHTING, &options, 42, &Silent).unwrap()
    }

    #[test]
    fn a_random_split_holds_out_the_same_pairs_when_others_are_added() {
        let options = HoldoutOptions { split: SplitChoice::Random, share: 0.2, ..AUTO };
        let first = |users: i64| {
            let holdout = held_out(&taste(users), options);
            (0..50).map(|user| holdout.test.row(user).0.to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(first(50), first(80));
        let share = first(50).iter().map(Vec::len).sum::<usize>() as f64 / (50.0 * 40.0 * 2.0 / 3.0);
        assert!((0.15..0.25).contains(&share), "{share}");
    }

    #[test]
    fn a_time_split_holds_out_the_latest_and_no_pair_is_in_both_parts() {
        let item = |n: i64| (mix(n as u64) % 90) as i64;
        let holdout = held_out(&events(true, (0..1000i64).map(|n| (n % 10, item(n), n))), AUTO);
        assert_eq!(holdout.split, Split::Time { cutoff: 900 });
        assert!(holdout.test.entries() > 10);
        for user in 0..10 {
            let known = holdout.training.by_user().row(user).0;
            assert!(holdout.test.row(user).0.iter().all(|item| !known.contains(item)));
        }
    }

    #[test]
    fn the_last_items_of_each_user_are_held_out_with_what_came_after() {
        // User 1 meets 10, 11, 12, then comes back to 10; user 2 has one item; all items have other users.
        let timed = [(1, 10, 1), (1, 11, 2), (1, 12, 3), (1, 10, 4), (2, 11, 9), (3, 12, 5), (3, 10, 7)];
        let split = |last| {
            let options = HoldoutOptions { split: SplitChoice::Last, last, ..AUTO };
            held_out(&events(true, timed.into_iter()), options)
        };
        let holdout = split(1);
        assert_eq!(holdout.split, Split::Last);
        assert_eq!([0, 1, 2].map(|user| holdout.test.row(user).0.to_vec()), [vec![2], vec![], vec![0]]);
        assert!(holdout.is_training(0, 0, 1) && !holdout.is_training(0, 0, 4));
        // Never more than half of a user's items.
        let holdout = split(5);
        assert_eq!([0, 1, 2].map(|user| holdout.training.by_user().row_len(user)), [2, 1, 1]);
    }

    #[test]
    fn items_met_at_the_same_time_are_held_out_by_their_hash_as_many_as_asked_for() {
        for timed in [true, false] {
            let same = events(timed, (0..30i64).flat_map(|user| (0..10).map(move |item| (user, item, 7))));
            let holdout = held_out(&same, HoldoutOptions { split: SplitChoice::Last, last: 3, ..AUTO });
            assert_eq!(holdout.split, if timed { Split::Last } else { Split::Random });
            assert!((0..30).all(|user| holdout.test.row_len(user) == 3));
            assert!((0..10).all(|item| (1..30).contains(&holdout.training.by_item().row_len(item))));
        }
    }

    /// What is held out of the events of a hundred users and twenty items whose times are `time` of both.
    fn at(time: impl Fn(i64, i64) -> i64) -> (Events, Holdout) {
        let pairs = (0..100i64).flat_map(|u| (0..20).filter(move |i| (u + i) % 3 != 1).map(move |i| (u, i)));
        let events = events(true, pairs.map(|(u, i)| (u, i, time(u, i))));
        let holdout = held_out(&events, AUTO);
        (events, holdout)
    }

    #[test]
    fn where_too_many_events_have_one_time_the_last_items_of_users_are_held_out() {
        let six_months = |u: i64, i: i64| (7 * u + i) % 6;
        let a_bulk_import: fn(i64, i64) -> i64 = |_, _| 7;
        let users_once: fn(i64, i64) -> i64 = |user, _| user;
        let mostly_at_the_end = |u: i64, i: i64| i64::from((u + i) % 20 != 0);
        for time in [&six_months as &dyn Fn(i64, i64) -> i64, &a_bulk_import, &users_once, &mostly_at_the_end]
        {
            let (events, holdout) = at(time);
            assert_eq!(holdout.split, Split::Last);
            let tried: Vec<&str> = holdout.passed_over.iter().map(|passed| passed.split).collect();
            assert_eq!(tried, ["time"]);
            assert!(holdout.passed_over[0].reason.len() > 20);
            let share = holdout.test.entries() as f64 / events.len() as f64;
            assert!((0.05..=0.5).contains(&share), "{share}");
        }
        // A twentieth is near enough to the tenth that was asked for.
        let (_, holdout) = at(|u, i| i64::from((u + i) % 20 == 0));
        assert_eq!((holdout.split.name(), holdout.passed_over.len()), ("time", 0));
    }

    #[test]
    fn where_the_last_items_of_users_leave_nothing_pairs_are_drawn_and_where_these_do_all_ways_are_told() {
        // Each user has one item.
        let single = events(true, (0..50i64).map(|user| (user, user % 5, 3)));
        let holdout = held_out(&single, AUTO);
        assert_eq!((holdout.split, holdout.test.entries()), (Split::Random, 0));
        let tried: Vec<&str> = holdout.passed_over.iter().map(|passed| passed.split).collect();
        assert_eq!(tried, ["time", "last", "random"]);
        // Two items each, of which the later is always nobody else's.
        let pairs = (0..200i64).flat_map(|u| [(u, u % 5, 1), (u, 5 + (u + 1) % 4, 1), (u, 1000 + u, 2)]);
        let holdout = held_out(&events(true, pairs), AUTO);
        assert_eq!(holdout.split, Split::Random);
        assert!(holdout.test.entries() > 10);
    }

    #[test]
    fn never_more_than_half_is_held_out() {
        for time in
            [|u: i64, i: i64| (u + i) % 2, |_: i64, _: i64| 0, |u: i64, i: i64| u * i, |u: i64, _: i64| u]
        {
            let pairs = (0..60i64).flat_map(|u| (0..1 + u % 7).map(move |i| (u, i)));
            let events = events(true, pairs.map(|(u, i)| (u, i, time(u, i))));
            for split in [SplitChoice::Auto, SplitChoice::Time, SplitChoice::Last, SplitChoice::Random] {
                let holdout = held_out(&events, HoldoutOptions { split, share: 0.4, last: 40 });
                let held: usize = (0..60).map(|user| holdout.test.row_len(user)).sum();
                assert!(2 * held <= events.len(), "{split:?} {held} of {}", events.len());
            }
        }
    }

    #[test]
    fn every_pair_is_held_out_in_exactly_one_fold() {
        let events = taste(50);
        let folds: Vec<Holdout> =
            (0..3).map(|fold| Holdout::fold(&events, &WEIGHTING, fold, 3, 42, &Silent).unwrap()).collect();
        let mut sizes = [0; 3];
        for user in 0..50 {
            for event in events.of_user(user) {
                let held: Vec<usize> = (0..3)
                    .filter(|&fold| !folds[fold].is_training(user as u32, event.item, event.time))
                    .collect();
                assert_eq!(held.len(), 1);
                sizes[held[0]] += 1;
            }
        }
        assert!(
            sizes.iter().all(|&size| size * 4 > events.len() && size * 5 < 2 * events.len()),
            "{sizes:?}"
        );
        for (fold, folds) in [(0, 0), (0, 1), (3, 3)] {
            assert!(Holdout::fold(&events, &WEIGHTING, fold, folds, 42, &Silent).is_err());
        }
    }
}
