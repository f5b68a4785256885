//! What lists leave out of what users have, if that is not everything: what they have seen by some types of events, or not
//! longer ago than some time.

use super::events::Events;
use crate::error::Result;
use crate::observer::Observer;
use rayon::prelude::*;

/// Users per task; with users of average length a task has some thousands of events.
const USERS: usize = 256;

/// The items that lists leave out, with their ages. Those of user u, ascending, are `items[starts[u]..starts[u + 1]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Withheld {
    starts: Vec<usize>,
    items: Vec<u32>,
    /// Seconds; empty if items are left out for ever.
    ages: Vec<f32>,
}

/// What some users have seen.
#[derive(Default)]
struct Block {
    /// The number of items of each.
    lengths: Vec<usize>,
    /// Items, with the time of the latest event by which each counts as seen.
    seen: Vec<(u32, i64)>,
    /// The latest time of all their events that is not in the future.
    latest: Option<i64>,
}

impl Withheld {
    /// From the events that `keep(user, item, time)` accepts; `None` if lists leave out all that users have. Ages refer to
    /// the latest of these events that is not in the future.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub(super) fn of<F>(events: &Events, keep: &F, observer: &dyn Observer) -> Result<Option<Self>>
    where
        F: Fn(u32, u32, i64) -> bool + Sync,
    {
        let rule = &events.seen_rule;
        if rule.is_everything() {
            return Ok(None);
        }
        let (users, bound) = (events.users().len(), events.latest());
        let of_block = |block: usize| -> Result<Block> {
            observer.check()?;
            let mut found = Block::default();
            for user in block * USERS..((block + 1) * USERS).min(users) {
                let accepts = |item: u32, time: i64| keep(user as u32, item, time);
                let own = events.of_user(user).filter(|event| accepts(event.item, event.time));
                let latest = own.map(|event| event.time).filter(|time| *time <= bound).max();
                found.latest = found.latest.max(latest);
                let mut seen: Vec<(u32, i64)> =
                    events.seen_of_user(user).filter(|&(item, time)| accepts(item, time)).collect();
                seen.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
                seen.dedup_by_key(|event| event.0);
                found.lengths.push(seen.len());
                found.seen.extend(seen);
            }
            Ok(found)
        };
        let blocks: Vec<Block> =
            (0..users.div_ceil(USERS)).into_par_iter().map(of_block).collect::<Result<_>>()?;
        let now = blocks.iter().filter_map(|block| block.latest).max().unwrap_or(bound);
        let age = |time: i64| now.saturating_sub(time).max(0) as f64 / 1e6;
        let mut all = Self { starts: vec![0], items: Vec::new(), ages: Vec::new() };
        for Block { lengths, seen, .. } in blocks {
            let mut rest = seen.as_slice();
            for length in lengths {
                let (own, others) = rest.split_at(length);
                rest = others;
                for &(item, time) in own.iter().filter(|(_, time)| rule.holds_at(age(*time))) {
                    all.items.push(item);
                    if rule.seconds.is_some() {
                        all.ages.push(age(time) as f32);
                    }
                }
                all.starts.push(all.items.len());
            }
        }
        Ok(Some(all))
    }

    /// The items that lists leave out of a user, ascending, and their ages in seconds, which are empty if items are left out
    /// for ever.
    pub fn of_user(&self, user: usize) -> (&[u32], &[f32]) {
        let range = self.starts[user]..self.starts[user + 1];
        (&self.items[range.clone()], self.ages.get(range).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Duplicates, EventLimits, Id, IdKind, Interactions, RawEvents, SeenRule, Weighting};
    use super::*;
    use crate::observer::Silent;

    const SUM: Weighting =
        Weighting { duplicates: Duplicates::Sum, half_life: None, anchor: 0, ratings: false, shift: 0.0 };
    const SECOND: i64 = 1_000_000;

    /// Two users with events of two types; some count nothing, and one lies in the future.
    fn events(rule: SeenRule) -> Events {
        let mut raw =
            RawEvents::new(IdKind::Bigint, IdKind::Bigint, true).seen_by(rule.clone()).read_at(900 * SECOND);
        let rows = [
            (1, 1, "view", 100, true),
            (1, 1, "buy", 50, true),
            (1, 2, "view", 90, true),
            (1, 3, "buy", 10, false),
            (1, 3, "view", 95, false),
            (2, 2, "buy", 20, true),
            (2, 3, "view", 60, true),
            (2, 1, "buy", 1000, true),
        ];
        for (user, item, kind, second, weighs) in rows {
            let (user, item, time) = (Id::Bigint(user), Id::Bigint(item), second * SECOND);
            match weighs {
                true => raw.push(user, item, 1.0, time),
                false => raw.push_seen(user, item, time),
            }
            if !rule.counts(Some(kind)) {
                raw.set_unseen(!weighs);
            }
        }
        let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 100 };
        Events::new(raw, limits, &Silent).unwrap()
    }

    fn left_out(events: &Events, until: i64) -> [Vec<u32>; 2] {
        let keep = |_: u32, _: u32, time: i64| time <= until * SECOND;
        let found: Interactions = events.interactions(&SUM, keep, &Silent).unwrap();
        [0, 1].map(|user| found.left_out(user).to_vec())
    }

    fn rule(types: &[&str], seconds: Option<f64>) -> SeenRule {
        SeenRule { types: types.iter().map(|name| (*name).to_owned()).collect(), seconds }
    }

    #[test]
    fn lists_leave_out_what_was_seen_by_the_types_that_count_and_not_too_long_ago() {
        let of = |rule: SeenRule| left_out(&events(rule), 2000);
        assert_eq!(of(SeenRule::default()), [vec![0, 1, 2], vec![0, 1, 2]]);
        assert_eq!(of(rule(&["buy"], None)), [vec![0, 2], vec![0, 1]]);
        assert_eq!(of(rule(&["nothing"], None)), [Vec::<u32>::new(), Vec::new()]);
        // As of 100, the latest event that is not in the future; an event of the future has just happened.
        assert_eq!(of(rule(&[], Some(41.0))), [vec![0, 1, 2], vec![0, 2]]);
        assert_eq!(of(rule(&[], Some(40.0))), [vec![0, 1, 2], vec![0]]);
        assert_eq!(of(rule(&["buy"], Some(51.0))), [vec![0], vec![0]]);
        assert_eq!(of(rule(&["buy"], Some(50.0))), [Vec::<u32>::new(), vec![0]]);
        // Of a part, as of the latest of the part.
        assert_eq!(left_out(&events(rule(&["buy"], Some(41.0))), 60), [vec![0], vec![1]]);
    }

    #[test]
    fn ages_are_told_and_selected_events_keep_what_counts() {
        let events = events(rule(&["buy"], Some(85.0)));
        let ages = |events: &Events| {
            let found = events.interactions(&SUM, |_, _, _| true, &Silent).unwrap();
            let withheld = found.withheld().unwrap();
            [0, 1].map(|user| withheld.of_user(user)).map(|(items, ages)| (items.to_vec(), ages.to_vec()))
        };
        let expected = [(vec![0], vec![50.0]), (vec![0, 1], vec![0.0, 80.0])];
        assert_eq!(ages(&events), expected);
        assert_eq!(ages(&events.select(|_, _, _| true)), expected);
        let (fewer, kept) = events.clone().without_new_items();
        assert_eq!((ages(&fewer), kept), (expected, vec![0, 1, 2]));
    }
}
