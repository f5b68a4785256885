//! Splits events into a training part and a held-out test part.

use super::split::{Choice, HoldoutOptions, Split, SplitChoice};
use crate::error::{EngineError, Result};
use crate::interactions::{Events, Interactions, SparseRows, Weighting};
use crate::observer::Observer;

/// A training part and a test part that share no (user, item) pair, unless it may come back.
#[derive(Clone, Debug)]
pub struct Holdout {
    /// How the events were split.
    pub split: Split,
    /// The interactions to train on.
    pub training: Interactions,
    /// The pairs to predict, users × items, which lists do not leave out. Includes only users with training items and items with training users.
    /// Values are confidences or ratings.
    pub test: SparseRows,
    /// The pairs of [`Self::training`] that occur once more in the held-out part although lists leave them out, users × items.
    pub again: SparseRows,
    /// The splits that were tried before this one and rejected, in order.
    pub passed_over: Vec<PassedOver>,
    choice: Choice,
    /// The number of held-out pairs, and of those whose users have training items.
    held_out: [usize; 2],
}

/// A split that was rejected, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The name of the split in SQL.
    pub split: &'static str,
    /// Why it was rejected.
    pub reason: String,
}

/// How events were held out, which may differ from the options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldOut {
    /// The split.
    pub split: Split,
    /// The splits that were tried first and rejected, in order.
    pub passed_over: Vec<PassedOver>,
}

/// The minimum part of the requested share that a split by time must hold out; many events with equal times can make it
/// hold out less.
const LEAST_OF_SHARE: f64 = 0.25;

/// The minimum part of the pairs held out by time whose users have earlier ones, unless the options ask for that split.
const LEAST_OF_KNOWN_USERS: f64 = 0.5;

impl Holdout {
    /// Splits the events. Without times, auto and time become random, and last takes that many items of each user by
    /// their hash. If too many events have equal times for a split by time, or the requested split holds out nothing,
    /// time falls back to last and last to random; auto also does so if most of what is latest is by users who have
    /// nothing else, as in a data set to which users came one after the other. If nothing can be held out at all, the test part is empty.
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
        let by = |way| {
            Self::divided(events, weighting, Choice::by(way, events, options, seed, observer)?, observer)
        };
        for &way in ways {
            let tried = by(way)?;
            let problem = tried.problem(events, options);
            holdout = Some(tried);
            match problem {
                None => break,
                Some(reason) => passed_over.push(PassedOver { split: way.name(), reason }),
            }
        }
        let holdout = holdout.map_or_else(|| by(SplitChoice::Random), Ok)?;
        Ok(Self { passed_over, ..holdout })
    }

    /// Why this split is unusable; `None` if it is usable.
    fn problem(&self, events: &Events, options: &HoldoutOptions) -> Option<String> {
        let total = events.len();
        if let Split::Time { cutoff } = self.split {
            let later = events.later(cutoff);
            if (later as f64) < LEAST_OF_SHARE * options.share * total as f64 {
                let share = 100.0 * options.share;
                return Some(format!(
                    "only {later} of {total} events are later than the cutoff of the last {share:.0} %, because too many have the same time"
                ));
            }
        }
        let [held_out, known] = self.held_out;
        let is_auto = options.split == SplitChoice::Auto && matches!(self.split, Split::Time { .. });
        if is_auto && (known as f64) < LEAST_OF_KNOWN_USERS * held_out as f64 {
            return Some(format!(
                "only {known} of {held_out} pairs that are later than the cutoff are of users who have earlier ones"
            ));
        }
        (self.test.entries() == 0).then(|| match self.split {
            Split::Time { .. } => {
                "no user has events before and after the cutoff with items that other users had before it"
                    .to_owned()
            }
            _ => {
                "no user has an item to hold out and others to train on that other users also have".to_owned()
            }
        })
    }

    /// Holds out one of `folds` parts of the user-item pairs. Each pair belongs to exactly one part, the same in every
    /// run.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there is no such part or only one, [`EngineError::Cancelled`].
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
        let choice = Choice::fold(events, fold, folds, seed);
        Self::divided(events, weighting, (Split::Fold { fold, folds }, choice), observer)
    }

    /// Holds out all events on the items marked in `hidden`, as if these were new, and a share of the other pairs.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn of_items(
        events: &Events,
        weighting: &Weighting,
        hidden: Vec<bool>,
        share: f64,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let choice = Choice::of_items(events, hidden, share, seed);
        Self::divided(events, weighting, (Split::Items, choice), observer)
    }

    /// Holds out all events after a moment, also those on items that are new then.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn with_items_after(
        events: &Events,
        weighting: &Weighting,
        cutoff: i64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let choice = (Split::Items, Choice::After(cutoff));
        Self::divided(events, weighting, choice, observer)
    }

    fn divided(
        events: &Events,
        weighting: &Weighting,
        (split, choice): (Split, Choice),
        observer: &dyn Observer,
    ) -> Result<Self> {
        let part = |held_out: bool| {
            let keep = |user, item, time| choice.holds_out(user, item, time) == held_out;
            events.interactions(weighting, keep, observer)
        };
        let (training, held_out) = (judged(split, part(false)?), part(true)?);
        let test = predictable(&training, &held_out, split == Split::Items)?;
        let again = chosen(&training, &held_out, |user, item| {
            let has = |items: &[u32]| items.binary_search(&item).is_ok();
            has(training.by_user().row(user).0) && has(training.left_out(user))
        })?;
        let is_known = |user: &usize| training.by_user().row_len(*user) > 0;
        let known = (0..training.users()).filter(is_known).map(|user| held_out.by_user().row_len(user)).sum();
        let held_out = [held_out.entries(), known];
        Ok(Self { split, training, test, again, passed_over: Vec::new(), choice, held_out })
    }

    /// Recomputes the weights of the training part; the test part stays the same.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn weighted(&self, events: &Events, weighting: &Weighting, observer: &dyn Observer) -> Result<Self> {
        let keep = |user, item, time| self.is_training(user, item, time);
        let training = judged(self.split, events.interactions(weighting, keep, observer)?);
        Ok(Self {
            split: self.split,
            training,
            test: self.test.clone(),
            again: self.again.clone(),
            passed_over: self.passed_over.clone(),
            choice: self.choice.clone(),
            held_out: self.held_out,
        })
    }

    /// The same in which the pairs to predict include those that occur again.
    ///
    /// # Errors
    /// [`EngineError::Shape`] never, since the pairs are those of this holdout.
    pub fn with_again(&self) -> Result<Self> {
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for user in 0..self.test.rows() {
            let pairs = |rows: &SparseRows| -> Vec<(u32, f32)> {
                let (items, weights) = rows.row(user);
                items.iter().copied().zip(weights.iter().copied()).collect()
            };
            let mut both = [pairs(&self.test), pairs(&self.again)].concat();
            both.sort_unstable_by_key(|pair| pair.0);
            columns.extend(both.iter().map(|pair| pair.0));
            values.extend(both.iter().map(|pair| pair.1));
            starts.push(columns.len());
        }
        Ok(Self { test: SparseRows::new(self.test.width(), starts, columns, values)?, ..self.clone() })
    }

    /// How the events were held out.
    pub fn held_out(&self) -> HeldOut {
        HeldOut { split: self.split, passed_over: self.passed_over.clone() }
    }

    /// Whether an event belongs to the training part.
    pub fn is_training(&self, user: u32, item: u32, time: i64) -> bool {
        !self.choice.holds_out(user, item, time)
    }
}

/// The training part as lists are measured by it. Where a pair is in one part as a whole, none can come back, so everything
/// that users have is left out.
fn judged(split: Split, training: Interactions) -> Interactions {
    match split {
        Split::Time { .. } | Split::Last => training,
        Split::Random | Split::Fold { .. } | Split::Items => training.withholding(None),
    }
}

/// The held-out pairs that a model can be expected to predict: the user has training items, the item has training
/// users or may be `new`, and lists do not leave it out because the user has seen it before.
fn predictable(training: &Interactions, held_out: &Interactions, new: bool) -> Result<SparseRows> {
    chosen(training, held_out, |user, item| {
        let is_known = new || training.by_item().row_len(item as usize) > 0;
        is_known && training.left_out(user).binary_search(&item).is_err()
    })
}

/// The held-out pairs (user, item) of users with training items that `is` accepts.
fn chosen(
    training: &Interactions,
    held_out: &Interactions,
    is: impl Fn(usize, u32) -> bool,
) -> Result<SparseRows> {
    let mut starts = vec![0];
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for user in 0..training.users() {
        let (items, weights) = held_out.by_user().row(user);
        let pairs = items.iter().zip(weights).filter(|_| training.by_user().row_len(user) > 0);
        for (&item, &weight) in pairs.filter(|(item, _)| is(user, **item)) {
            columns.push(item);
            values.push(weight);
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
    use crate::seed::mix;

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
    fn auto_holds_out_last_items_where_users_came_one_after_the_other_and_time_does_not() {
        // Each user has ten items at once; of the last tenth of users nothing is known.
        let arrivals = |user: i64, n: i64| 100 * user + n;
        let pairs = || (0..100i64).flat_map(|u| (0..10).map(move |n| (u, (u + n * n) % 20, arrivals(u, n))));
        let split = |split| held_out(&events(true, pairs()), HoldoutOptions { split, ..AUTO });
        let holdout = split(SplitChoice::Auto);
        assert_eq!(holdout.split, Split::Last);
        assert!(holdout.passed_over[0].reason.ends_with("are of users who have earlier ones"));
        assert!(holdout.test.entries() > 50);
        // Asked for, and with one user who goes on, it is the latest tenth.
        let more = (0..10).map(|n| (1, 10 + n % 10, 20_000 + n)).chain([(2, 19, 0)]);
        let both = events(true, pairs().chain(more));
        let time = held_out(&both, HoldoutOptions { split: SplitChoice::Time, ..AUTO });
        assert!(matches!(time.split, Split::Time { .. }));
        let items = |u: i64| (0..20).map(move |n| (u, n, 100 * n + u));
        let together = held_out(&events(true, (0..50).flat_map(items)), AUTO);
        assert!(matches!(together.split, Split::Time { .. }));
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
