//! Combines events into interactions: one confidence for each pair of user and item.

use super::events::Events;
use super::recency;
use super::repeats::{Moments, Repeats};
use super::sparse::{Interactions, Seen, SparseRows, WeightScale};
use super::weighting::Weighting;
use super::withheld::Withheld;
use crate::error::Result;
use crate::observer::Observer;
use rayon::prelude::*;

impl Events {
    /// Combines the events accepted by `keep(user, item, time)` into one weight per (user, item), and divides the
    /// weights by their median unless they are ratings. Weights that are negligible beside the largest, and items
    /// beyond a user's limit, do not count, but remain recorded as items that the user has.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn interactions<F>(
        &self,
        weighting: &Weighting,
        keep: F,
        observer: &dyn Observer,
    ) -> Result<Interactions>
    where
        F: Fn(u32, u32, i64) -> bool + Sync,
    {
        let mut weighting = *weighting;
        let mut rows = self.combined(&weighting, &keep, observer)?;
        if !weighting.ratings && (rows.weightless > 0 || rows.values.contains(&f32::INFINITY)) {
            let largest = self.largest_logarithm(&weighting, &keep, observer)?;
            let shifted = weighting.shifted(largest);
            if largest.is_finite() && shifted.shift != weighting.shift {
                drop(rows);
                weighting = shifted;
                rows = self.combined(&weighting, &keep, observer)?;
            }
        }
        let Rows { starts, columns, mut values, ranks, times, moments, seen, weightless } = rows;
        let median = if weighting.ratings { 1.0 } else { median(&values).unwrap_or(1.0) };
        values.iter_mut().for_each(|value| *value = weighting.confidence(*value, median));
        observer.check()?;
        let repeats = Repeats::new(&columns, self.items.len(), &moments, self.latest());
        let withheld = Withheld::of(self, &keep, observer)?;
        drop(moments);
        let rows = SparseRows::new(self.items.len(), starts, columns, values)?;
        let scale = WeightScale { median, shift: weighting.shift };
        Ok(Interactions::scaled(rows, scale)
            .beside(seen, weightless)
            .ranked(ranks)
            .aged(times.map(|times| ages(times, self.latest())))
            .repeated(repeats)
            .withholding(withheld))
    }

    /// The weights of all pairs.
    fn combined<F>(&self, weighting: &Weighting, keep: &F, observer: &dyn Observer) -> Result<Rows>
    where
        F: Fn(u32, u32, i64) -> bool + Sync,
    {
        let (users, latest) = (self.users.len(), self.latest());
        let blocks: Vec<Block> = (0..users.div_ceil(USERS))
            .into_par_iter()
            .map(|block| {
                observer.check()?;
                let range = block * USERS..((block + 1) * USERS).min(users);
                let mut combined = Block::default();
                let mut row = Vec::new();
                for user in range {
                    let found = self.combine_user(user, weighting, keep, latest, &mut row);
                    combined.lengths.push(row.len());
                    combined.items.extend(row.iter().map(|entry| entry.item));
                    combined.weights.extend(row.iter().map(|entry| entry.weight));
                    if self.is_timed() {
                        let times: Vec<i64> = row.iter().map(|entry| entry.latest).collect();
                        combined.ranks.extend(recency::ranks(&times));
                        combined.times.extend(row.iter().map(|entry| entry.first));
                        combined.moments.extend(row.iter().filter_map(|entry| entry.moments));
                    }
                    combined.seen.push(found.seen);
                    combined.weightless += found.weightless;
                }
                Ok(combined)
            })
            .collect::<Result<_>>()?;
        let entries = blocks.iter().map(|block| block.items.len()).sum();
        let mut starts = Vec::with_capacity(users + 1);
        starts.push(0);
        let mut columns = Vec::with_capacity(entries);
        let mut values: Vec<f32> = Vec::with_capacity(entries);
        let mut ranks = self.is_timed().then(|| Vec::with_capacity(entries));
        let mut times = self.is_timed().then(|| Vec::with_capacity(entries));
        let (mut seen, mut weightless) = (Vec::new(), 0);
        let (mut moments, mut end) = (Vec::new(), 0);
        for block in blocks {
            for length in block.lengths {
                end += length;
                starts.push(end);
            }
            columns.extend(block.items);
            values.extend(block.weights);
            if let (Some(ranks), Some(times)) = (&mut ranks, &mut times) {
                ranks.extend(block.ranks);
                times.extend(block.times);
            }
            moments.extend(block.moments);
            seen.push(block.seen);
            weightless += block.weightless;
        }
        let seen = Seen::new(seen.into_iter().flatten());
        Ok(Rows { starts, columns, values, ranks, times, moments, seen, weightless })
    }

    /// The largest binary logarithm of a pair's weight, before any shift.
    fn largest_logarithm<F>(&self, weighting: &Weighting, keep: &F, observer: &dyn Observer) -> Result<f64>
    where
        F: Fn(u32, u32, i64) -> bool + Sync,
    {
        let of_user = |user| {
            let events = self.kept_of_user(user, keep);
            let of_item = |group: &[(u32, i64, f32)]| {
                weighting.combine_logarithms(group.iter().map(|&(_, time, weight)| (weight, time)))
            };
            events.chunk_by(|a, b| a.0 == b.0).map(of_item).fold(f64::NEG_INFINITY, f64::max)
        };
        let largest: Vec<f64> = (0..self.users.len().div_ceil(USERS))
            .into_par_iter()
            .map(|block| {
                observer.check()?;
                let users = block * USERS..((block + 1) * USERS).min(self.users.len());
                Ok(users.map(of_user).fold(f64::NEG_INFINITY, f64::max))
            })
            .collect::<Result<_>>()?;
        Ok(largest.into_iter().fold(f64::NEG_INFINITY, f64::max))
    }

    /// The events of a user that `keep` accepts, as (item, time, weight), ordered by item, then time. The weight breaks
    /// ties, so that the order of arrival never matters.
    fn kept_of_user<F>(&self, user: usize, keep: &F) -> Vec<(u32, i64, f32)>
    where
        F: Fn(u32, u32, i64) -> bool,
    {
        let mut events: Vec<(u32, i64, f32)> = self
            .of_user(user)
            .map(|event| (event.item, event.time, event.weight))
            .filter(|&(item, time, _)| keep(user as u32, item, time))
            .collect();
        events.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        events
    }

    /// Fills `row` with the user's items that count. Moments after `latest` are taken for it.
    fn combine_user<F>(
        &self,
        user: usize,
        weighting: &Weighting,
        keep: &F,
        latest: i64,
        row: &mut Vec<Combined>,
    ) -> Besides
    where
        F: Fn(u32, u32, i64) -> bool,
    {
        let events = self.kept_of_user(user, keep);
        row.clear();
        let mut besides = Besides::default();
        let times = |group: &[(u32, i64, f32)]| Moments::of(group.iter().map(|own| own.1.min(latest)));
        for group in events.chunk_by(|a, b| a.0 == b.0) {
            let weight = weighting.combine(group.iter().map(|&(_, time, weight)| (weight, time)));
            if weighting.counts(weight) {
                row.push(Combined {
                    item: group[0].0,
                    weight,
                    moments: if self.is_timed() { times(group) } else { None },
                    first: group[0].1,
                    latest: group[group.len() - 1].1,
                });
            } else {
                besides.seen.push(group[0].0);
                besides.weightless += group.len();
            }
        }
        let only_seen = self.seen.of_user(user).filter(|&(item, time)| keep(user as u32, item, time));
        besides.seen.extend(only_seen.map(|(item, _)| item));
        if row.len() > self.max_user_events {
            row.sort_unstable_by(|a, b| {
                b.latest.cmp(&a.latest).then(b.weight.total_cmp(&a.weight)).then(a.item.cmp(&b.item))
            });
            besides.seen.extend(row[self.max_user_events..].iter().map(|entry| entry.item));
            row.truncate(self.max_user_events);
            row.sort_unstable_by_key(|entry| entry.item);
        }
        if !besides.seen.is_empty() {
            besides.seen.extend(row.iter().map(|entry| entry.item));
            besides.seen.sort_unstable();
            besides.seen.dedup();
            if besides.seen.len() == row.len() {
                besides.seen.clear();
            }
        }
        besides
    }
}

/// Users per task; with users of average length a task has some thousands of events.
const USERS: usize = 256;

/// The weights of the pairs of some users.
#[derive(Default)]
struct Block {
    lengths: Vec<usize>,
    items: Vec<u32>,
    weights: Vec<f32>,
    ranks: Vec<f32>,
    times: Vec<i64>,
    moments: Vec<Moments>,
    seen: Vec<Vec<u32>>,
    weightless: usize,
}

/// The weights of all pairs, as sparse rows.
struct Rows {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
    ranks: Option<Vec<f32>>,
    times: Option<Vec<i64>>,
    moments: Vec<Moments>,
    seen: Seen,
    weightless: usize,
}

/// The part of a user's data that does not count.
#[derive(Default)]
struct Besides {
    /// All items of the user, ascending; empty if all of them count.
    seen: Vec<u32>,
    /// The number of events whose weight is negligible.
    weightless: usize,
}

/// One item of a user after combination.
struct Combined {
    item: u32,
    weight: f32,
    moments: Option<Moments>,
    first: i64,
    latest: i64,
}

/// Seconds before the latest of some times (microseconds) that is not after `bound`; 0 for what is later.
fn ages(times: Vec<i64>, bound: i64) -> Vec<u32> {
    let latest = times.iter().copied().filter(|time| *time <= bound).max().unwrap_or(bound);
    let age = |time: i64| u32::try_from(latest.saturating_sub(time).max(0) / 1_000_000).unwrap_or(u32::MAX);
    times.into_iter().map(age).collect()
}

/// The (lower) median; `None` without values.
fn median(values: &[f32]) -> Option<f32> {
    let mut copy = values.to_vec();
    let place = copy.len().checked_sub(1)? / 2;
    Some(*copy.select_nth_unstable_by(place, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::events::EventLimits;
    use crate::interactions::ids::{Id, IdKind};
    use crate::interactions::raw::RawEvents;
    use crate::interactions::weighting::Duplicates;
    use crate::observer::Silent;

    const LIMITS: EventLimits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 100 };
    const SUM: Weighting =
        Weighting { duplicates: Duplicates::Sum, half_life: None, anchor: 0, ratings: false, shift: 0.0 };

    fn events(rows: &[(i64, i64, f32, i64)], limits: EventLimits) -> Events {
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
        for &(user, item, weight, time) in rows {
            raw.push(Id::Bigint(user), Id::Bigint(item), weight, time);
        }
        Events::new(raw, limits, &Silent).unwrap()
    }

    #[test]
    fn interactions_do_not_depend_on_the_order_of_events() {
        let mut rows: Vec<(i64, i64, f32, i64)> =
            (0..500i64).map(|n| (n * 7 % 23, n * 11 % 31, 0.1 + n as f32 / 3.0, n % 5)).collect();
        let forward = events(&rows, LIMITS).interactions(&SUM, |_, _, _| true, &Silent).unwrap();
        rows.reverse();
        let backward = events(&rows, LIMITS).interactions(&SUM, |_, _, _| true, &Silent).unwrap();
        assert_eq!(forward, backward);
        assert_eq!(forward.users(), 23);
        assert_eq!(forward.items(), 31);
    }

    #[test]
    fn both_orientations_hold_the_same_entries() {
        let rows: Vec<(i64, i64, f32, i64)> = (0..200i64).map(|n| (n % 17, n * n % 13, 1.0, 0)).collect();
        let interactions = events(&rows, LIMITS).interactions(&SUM, |_, _, _| true, &Silent).unwrap();
        assert_eq!(&interactions.by_item().transposed(), interactions.by_user());
    }

    #[test]
    fn the_median_weight_becomes_one() {
        let rows = [(1, 1, 2.0, 0), (1, 2, 4.0, 0), (2, 1, 8.0, 0)];
        let interactions = events(&rows, LIMITS).interactions(&SUM, |_, _, _| true, &Silent).unwrap();
        assert_eq!(interactions.by_user().values(), [0.5, 1.0, 2.0]);
    }

    #[test]
    fn least_support_and_the_limit_per_user_are_applied() {
        let rows =
            [(1, 1, 1.0, 5), (1, 2, 1.0, 6), (1, 3, 1.0, 7), (2, 1, 1.0, 1), (2, 2, 1.0, 2), (3, 9, 1.0, 1)];
        let limits = EventLimits { min_user_events: 2, min_item_events: 2, max_user_events: 1 };
        let events = events(&rows, limits);
        assert_eq!((events.users().len(), events.items().len()), (2, 2));
        let interactions = events.interactions(&SUM, |_, _, _| true, &Silent).unwrap();
        assert_eq!(interactions.by_user().row(0).0, [1], "the latest item of user 1 that has support");
        assert_eq!(interactions.by_user().row(1).0, [1]);
    }

    const HOUR: i64 = 3_600_000_000;

    fn decaying(half_life: f64, events: &Events) -> Weighting {
        Weighting { half_life: Some(half_life), anchor: events.latest(), ..SUM }
    }

    /// A hundred users who have twenty items, one an hour.
    fn hourly(weight: f32) -> Vec<(i64, i64, f32, i64)> {
        (0..2000).map(|n| (n % 100, n / 100, weight, n * HOUR)).collect()
    }

    #[test]
    fn weights_of_any_size_give_the_same_confidences() {
        let confidences = |weight: f32| {
            let events = events(&hourly(weight), LIMITS);
            let interactions =
                events.interactions(&decaying(3_600.0 * 30.0, &events), |_, _, _| true, &Silent);
            interactions.unwrap().by_user().values().to_vec()
        };
        let ones = confidences(1.0);
        assert_eq!(ones.len(), 2000);
        for weight in [2f32.powi(-140), 2f32.powi(-100), 2f32.powi(127)] {
            let others = confidences(weight);
            assert_eq!(others.len(), 2000, "{weight:e}");
            let apart = ones.iter().zip(&others).map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-5, "{weight:e} {apart}");
        }
    }

    #[test]
    fn sums_beyond_f32_count_and_all_others_do_too() {
        let mut rows: Vec<_> = (0..100).map(|n| (n % 10, n / 10, 1.0, 0)).collect();
        rows.extend([(3, 5, 3e38, 0), (3, 5, 3e38, 0)]);
        let interactions = events(&rows, LIMITS).interactions(&SUM, |_, _, _| true, &Silent).unwrap();
        let values = interactions.by_user().values();
        assert_eq!((values.len(), interactions.weightless()), (100, 0));
        assert!(values.iter().all(|value| value.is_normal()));
        assert_eq!(values.iter().filter(|value| **value == 1.0).count(), 99);
        assert!(values.iter().sum::<f32>() > 1e30);
    }

    #[test]
    fn what_is_nothing_beside_the_newest_is_counted_and_its_items_are_still_the_users() {
        let events = events(&hourly(1.0), LIMITS);
        let interactions = events.interactions(&decaying(3_600.0, &events), |_, _, _| true, &Silent).unwrap();
        // Of 2,000 hours the last 126 are within what f32 holds, and the one at the very end.
        assert_eq!((interactions.entries(), interactions.weightless()), (127, 1873));
        assert!((0..100).all(|user| interactions.seen(user).len() == 20));
        assert!((0..100).all(|user| interactions.by_user().row_len(user) < 3));
        assert!(interactions.by_user().values().iter().all(|value| value.is_normal()));
    }

    #[test]
    fn items_beyond_the_limit_of_a_user_and_those_that_count_nothing_are_seen() {
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
        for (user, item, time) in [(1, 1, 5), (1, 2, 6), (1, 3, 7), (2, 1, 1), (2, 4, 2)] {
            raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, time);
        }
        for (user, item, time) in [(1, 4, 3), (2, 4, 3), (2, 3, 9), (3, 1, 1), (1, 9, 1)] {
            raw.push_seen(Id::Bigint(user), Id::Bigint(item), time);
        }
        let limits = EventLimits { max_user_events: 2, ..LIMITS };
        let events = Events::new(raw, limits, &Silent).unwrap();
        // Who only saw items is no user, and what was only seen is no item.
        assert_eq!((events.users().len(), events.items().len(), events.len()), (2, 4, 5));
        let all = events.interactions(&SUM, |_, _, _| true, &Silent).unwrap();
        assert_eq!(all.by_user().row(0).0, [1, 2]);
        assert_eq!((all.seen(0), all.seen(1)), (&[0, 1, 2, 3][..], &[0, 2, 3][..]));
        let before = events.interactions(&SUM, |_, _, time| time < 9, &Silent).unwrap();
        assert_eq!((before.seen(1), before.seen_besides(1)), (&[0, 3][..], None));
        assert_eq!(
            events
                .select(|user, _, _| user == 0)
                .interactions(&SUM, |_, _, _| true, &Silent)
                .unwrap()
                .seen(0),
            all.seen(0)
        );
    }

    #[test]
    fn an_event_in_the_future_has_no_power_over_the_ages_of_others() {
        let of = |rows: &[(i64, i64, f32, i64)], now| {
            let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true).read_at(now);
            for &(user, item, weight, time) in rows {
                raw.push(Id::Bigint(user), Id::Bigint(item), weight, time);
            }
            Events::new(raw, LIMITS, &Silent).unwrap()
        };
        let mut rows = hourly(1.0);
        rows.push((1, 0, 1.0, 1999 * HOUR));
        let without = of(&rows, 5000 * HOUR);
        rows.pop();
        rows.push((1, 0, 1.0, i64::MAX / 2));
        let with = of(&rows, 5000 * HOUR);
        assert_eq!((without.latest(), with.latest()), (1999 * HOUR, 1999 * HOUR));
        assert_eq!((without.future(), with.future()), (0, 1));
        let confidences = |events: &Events| {
            events.interactions(&decaying(3_600.0 * 50.0, events), |_, _, _| true, &Silent).unwrap()
        };
        assert_eq!(confidences(&without), confidences(&with));
        // Where most lie in the future it is the clock that is wrong.
        assert_eq!(of(&rows, 100 * HOUR).latest(), i64::MAX / 2);
    }
}
