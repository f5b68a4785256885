//! The events of a user on an item become one value: a weight for implicit feedback, a rating for explicit.
//! O(e log e) for e events of a user, users in parallel.

use super::events::Events;
use super::sparse::{Interactions, SparseRows};
use super::weighting::Weighting;
use crate::error::Result;
use crate::observer::Observer;
use rayon::prelude::*;

impl Events {
    /// Combines the events that `keep(user, item, time)` accepts into one weight for every (user,
    /// item), divided by their median; weights that decayed to nothing are left out.
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
        let combine = |events: &[(u32, i64, f32)]| {
            let weight = weighting.combine(events.iter().map(|&(_, time, weight)| (weight, time)));
            (weight.is_normal() && weight > 0.0).then_some(weight)
        };
        let (starts, columns, mut values) = self.combine(combine, keep, observer)?;
        let median = median(&values).unwrap_or(1.0);
        values.iter_mut().for_each(|value| *value /= median);
        observer.check()?;
        Ok(Interactions::from_weights(SparseRows::new(self.items().len(), starts, columns, values)?, median))
    }

    /// Combines the events that `keep(user, item, time)` accepts into one rating for every (user, item):
    /// weights as they are, below zero too.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn ratings<F>(&self, weighting: &Weighting, keep: F, observer: &dyn Observer) -> Result<Interactions>
    where
        F: Fn(u32, u32, i64) -> bool + Sync,
    {
        let combine = |events: &[(u32, i64, f32)]| {
            let rating = weighting.combine_ratings(events.iter().map(|event| event.2));
            rating.is_finite().then_some(rating)
        };
        let (starts, columns, values) = self.combine(combine, keep, observer)?;
        Ok(Interactions::new(SparseRows::new(self.items().len(), starts, columns, values)?))
    }

    /// Rows by user of what `combine` makes of the events (item, time, weight) of a user on an item, in
    /// order of time.
    fn combine<C, F>(&self, combine: C, keep: F, observer: &dyn Observer) -> Result<RowParts>
    where
        C: Fn(&[(u32, i64, f32)]) -> Option<f32> + Sync,
        F: Fn(u32, u32, i64) -> bool + Sync,
    {
        // Users per task: a task of average length has some thousands of events.
        const USERS: usize = 256;
        let users = self.users().len();
        let blocks: Vec<RowParts> = (0..users.div_ceil(USERS))
            .into_par_iter()
            .map(|block| {
                observer.check()?;
                let range = block * USERS..((block + 1) * USERS).min(users);
                let (mut lengths, mut items, mut weights) =
                    (Vec::with_capacity(range.len()), Vec::new(), Vec::new());
                let mut row = Vec::new();
                for user in range {
                    let combined = self.combine_user(user, &combine, &keep, &mut row);
                    lengths.push(combined.len());
                    items.extend(combined.iter().map(|entry| entry.item));
                    weights.extend(combined.iter().map(|entry| entry.weight));
                }
                Ok((lengths, items, weights))
            })
            .collect::<Result<_>>()?;
        let entries = blocks.iter().map(|block| block.1.len()).sum();
        let mut starts = Vec::with_capacity(users + 1);
        starts.push(0);
        let mut columns = Vec::with_capacity(entries);
        let mut values: Vec<f32> = Vec::with_capacity(entries);
        let mut end = 0;
        for (lengths, items, weights) in blocks {
            for length in lengths {
                end += length;
                starts.push(end);
            }
            columns.extend(items);
            values.extend(weights);
        }
        Ok((starts, columns, values))
    }

    fn combine_user<'a, C, F>(
        &self,
        user: usize,
        combine: &C,
        keep: &F,
        row: &'a mut Vec<Combined>,
    ) -> &'a [Combined]
    where
        C: Fn(&[(u32, i64, f32)]) -> Option<f32>,
        F: Fn(u32, u32, i64) -> bool,
    {
        let mut events: Vec<(u32, i64, f32)> = self
            .of_user(user)
            .map(|event| (event.item, event.time, event.weight))
            .filter(|&(item, time, _)| keep(user as u32, item, time))
            .collect();
        // By item, then time; the weight breaks ties so that the order of arrival never matters.
        events.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        row.clear();
        for group in events.chunk_by(|a, b| a.0 == b.0) {
            if let Some(weight) = combine(group) {
                row.push(Combined { item: group[0].0, weight, latest: group[group.len() - 1].1 });
            }
        }
        if row.len() > self.max_user_events {
            row.sort_unstable_by(|a, b| {
                b.latest.cmp(&a.latest).then(b.weight.total_cmp(&a.weight)).then(a.item.cmp(&b.item))
            });
            row.truncate(self.max_user_events);
            row.sort_unstable_by_key(|entry| entry.item);
        }
        row
    }
}

/// Starts (in a block: lengths), columns and values of rows.
type RowParts = (Vec<usize>, Vec<u32>, Vec<f32>);

/// One item of a user after combination.
struct Combined {
    item: u32,
    weight: f32,
    latest: i64,
}

/// The (lower) median; `None` without values.
fn median(values: &[f32]) -> Option<f32> {
    let mut copy = values.to_vec();
    let place = copy.len().checked_sub(1)? / 2;
    Some(*copy.select_nth_unstable_by(place, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::super::events::tests::{LIMITS, SUM, events};
    use super::super::weighting::Duplicates;
    use super::*;
    use crate::observer::Silent;

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
    fn ratings_are_as_they_were_given() {
        let rows = [(1, 1, 2.0, 0), (1, 2, -4.0, 0), (2, 1, 0.0, 0), (2, 2, 3.0, 1), (2, 2, 8.0, 2)];
        let events = events(&rows, LIMITS);
        let weighting = Weighting { half_life: Some(1e-9), anchor: 9, ..SUM };
        let rated = |duplicates| {
            let weighting = Weighting { duplicates, ..weighting };
            events.ratings(&weighting, |_, _, _| true, &Silent).unwrap().by_user().values().to_vec()
        };
        assert_eq!(rated(Duplicates::Last), [2.0, -4.0, 0.0, 8.0]);
        assert_eq!(rated(Duplicates::Sum), [2.0, -4.0, 0.0, 5.5]);
        let before = events.ratings(&SUM, |_, _, time| time < 2, &Silent).unwrap();
        assert_eq!(before.by_user().values(), [2.0, -4.0, 0.0, 3.0]);
    }
}
