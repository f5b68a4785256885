//! Which items or users are hidden whole, so that they stand for those that have no events yet: the items that come after
//! a moment, the newest tenth of the items, or one of several equal parts of items or users.

use crate::features::{Column, Values};
use crate::interactions::{Events, Ids};
use crate::seed::sample;
use std::cmp::Reverse;

/// One in this many is hidden.
pub const PARTS: usize = 10;
/// With fewer hidden items or users nothing is decided and nothing is measured: lists of twenty would name them all.
pub const FEWEST_HIDDEN: usize = 20;

/// The share of the events that are later than the moment from which on items are new. In a shop that gets 60 items in the
/// last tenth of its events, these are 3 % of what is bought then: too little to tell by a standard error that lists gain.
const LATEST_SHARE: f64 = 0.2;

/// The moment after which the last fifth of the events are, if at least [`FEWEST_HIDDEN`] items have their first event
/// after it. `None` if there are fewer, or no times.
pub fn moment_before_new_items(events: &Events) -> Option<i64> {
    let (cutoff, first) = (events.time_quantile(LATEST_SHARE)?, events.first_times()?);
    let is_later = |&&item: &&u32| first[item as usize] > cutoff;
    (items_with_events(events).iter().filter(is_later).count() >= FEWEST_HIDDEN).then_some(cutoff)
}

/// Marks the items without events that came after a moment, and so do not tell what new items were like then: those whose
/// value in `added` is later or, if values are numbers, larger than those of all items that had events then. Without this
/// column, ids that are integers count as such numbers.
pub fn came_after(events: &Events, added: Option<&Column>, cutoff: i64) -> Vec<bool> {
    let mut came = vec![false; events.items().len()];
    let Some(first) = events.first_times() else { return came };
    let beyond = |value: &dyn Fn(usize) -> Option<i64>| -> Vec<u32> {
        let had_events = (0..first.len()).filter(|&item| first[item] <= cutoff);
        let largest = had_events.filter_map(value).max();
        let is_beyond = |&item: &u32| value(item as usize) > largest;
        events.new_items().iter().copied().filter(is_beyond).collect()
    };
    let new = match (added.map(|column| &column.values), events.items()) {
        (Some(Values::Moment(moments)), _) => {
            let is_later = |&item: &u32| moments.get(item as usize).is_some_and(|&moment| moment > cutoff);
            events.new_items().iter().copied().filter(is_later).collect()
        }
        (Some(Values::Number(numbers)), _) => {
            beyond(&|item| numbers.get(item).filter(|number| number.is_finite()).map(|&number| number as i64))
        }
        (None, Ids::Bigint(ids)) => beyond(&|item| ids.get(item).copied()),
        _ => Vec::new(),
    };
    new.into_iter().for_each(|item| came[item as usize] = true);
    came
}

/// Marks a tenth of the items with events: those whose first event is latest or, without times, some chosen by the seed.
/// `None` if these are fewer than [`FEWEST_HIDDEN`].
pub fn newest_items(events: &Events, seed: u64) -> Option<Vec<bool>> {
    let mut items = items_with_events(events);
    let count = items.len() / PARTS;
    if count < FEWEST_HIDDEN {
        return None;
    }
    match events.first_times() {
        Some(first) => {
            items.sort_unstable_by_key(|&item| Reverse((first[item as usize], item)));
            items.truncate(count);
        }
        None => items = sample(items, count, seed),
    }
    let mut hidden = vec![false; events.items().len()];
    items.into_iter().for_each(|item| hidden[item as usize] = true);
    Some(hidden)
}

/// The items that have events, ascending.
pub fn items_with_events(events: &Events) -> Vec<u32> {
    let new = events.new_items();
    let items = 0..events.items().len() as u32;
    items.filter(|item| new.binary_search(item).is_err()).collect()
}

/// Marks one of several parts of `members`, which are numbers of `ids`. Every member is in exactly one part, whose
/// sizes differ by at most one; a hash of the ids and the seed decides in which.
pub fn part_of(ids: &Ids, members: &[u32], part: usize, parts: usize, seed: u64) -> Vec<bool> {
    let mut drawn = members.to_vec();
    drawn.sort_by_cached_key(|&member| (ids.stable_hash(member as usize, seed), member));
    let mut marked = vec![false; ids.len()];
    drawn.iter().skip(part).step_by(parts.max(1)).for_each(|&member| marked[member as usize] = true);
    marked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{EventLimits, Id, IdKind, RawEvents};
    use crate::observer::Silent;

    /// Items 0 to 299, of which item i comes at time `time(i)`.
    fn events(time: Option<fn(i64) -> i64>) -> Events {
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, time.is_some());
        for item in 0..300i64 {
            for user in 0..3 {
                let at = time.map_or(0, |time| time(item) + user);
                raw.push(Id::Bigint(item % 40 + user), Id::Bigint(item), 1.0, at);
            }
        }
        let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 5000 };
        Events::new(raw, limits, &Silent).unwrap()
    }

    #[test]
    fn the_newest_tenth_is_hidden_and_without_times_a_tenth_that_the_seed_chooses() {
        let hidden = newest_items(&events(Some(|item| -10 * item)), 1).unwrap();
        assert!((0..300).all(|item| hidden[item] == (item < 30)));
        let drawn = |seed| newest_items(&events(None), seed).unwrap();
        assert_eq!(drawn(1).iter().filter(|&&hidden| hidden).count(), 30);
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let few = events(None).select(|_, item, _| item < 199);
        assert_eq!(newest_items(&few, 1), None);
    }

    #[test]
    fn items_are_new_after_a_moment_only_if_enough_of_them_come_later() {
        // Of 900 events, 180 are those of the last 60 items.
        let cutoff = moment_before_new_items(&events(Some(|item| 10 * item))).unwrap();
        assert!((2_390..=2_400).contains(&cutoff), "{cutoff}");
        assert_eq!(moment_before_new_items(&events(Some(|item| if item < 290 { 7 } else { 100 }))), None);
        assert_eq!(moment_before_new_items(&events(Some(|_| 7))), None);
        assert_eq!(moment_before_new_items(&events(None)), None);
    }

    #[test]
    fn items_without_events_that_came_after_a_moment_are_told_by_a_column_or_by_ids_that_grow() {
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
        (0..20).for_each(|item| raw.push(Id::Bigint(item % 3), Id::Bigint(item), 1.0, 10 * item));
        [-1, 5, 12, 15, 30].into_iter().for_each(|item| raw.push_item(Id::Bigint(item)));
        let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 5000 };
        let events = Events::new(raw, limits, &Silent).unwrap();
        let ids = |came: Vec<bool>| -> Vec<i64> {
            let came = (0..came.len()).filter(|&item| came[item]);
            came.map(|item| if let Id::Bigint(id) = events.items().get(item) { id } else { 0 }).collect()
        };
        // Until 100 there were events on the items 0 to 10, and 12 and 15 have events of their own.
        assert_eq!(ids(came_after(&events, None, 100)), [30]);
        assert_eq!(ids(came_after(&events, None, 1_000)), [30]);
        let rows = events.items().len();
        let moments = Values::Moment((0..rows as i64).map(|row| if row == 0 { 101 } else { 100 }).collect());
        let added = Column { name: "added".into(), values: moments };
        assert_eq!(ids(came_after(&events, Some(&added), 100)), [-1]);
        let numbers = (0..rows).map(|row| if row == 0 { 9.0 } else { row as f64 / 3.0 }).collect();
        assert_eq!(ids(came_after(&events, Some(&Column::numbers("n", numbers)), 100)), [-1, 30]);
        let unknown = Column::numbers("n", vec![f64::NAN; rows]);
        assert!(ids(came_after(&events, Some(&unknown), 100)).is_empty());
    }

    #[test]
    fn parts_are_disjoint_cover_all_members_and_differ_in_size_by_at_most_one() {
        let events = events(None);
        let members: Vec<u32> = (0..300).filter(|item| item % 7 != 3).collect();
        for parts in [2, 5, 9] {
            let mut of_member = vec![0; 300];
            let mut sizes = Vec::new();
            for part in 0..parts {
                let marked = part_of(events.items(), &members, part, parts, 42);
                sizes.push(marked.iter().filter(|&&marked| marked).count());
                of_member.iter_mut().zip(marked).for_each(|(count, marked)| *count += usize::from(marked));
            }
            assert!((0..300u32).all(|item| of_member[item as usize] == usize::from(item % 7 != 3)));
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(most - least <= 1, "{sizes:?}");
        }
        assert_ne!(part_of(events.items(), &members, 0, 5, 1), part_of(events.items(), &members, 0, 5, 2));
    }
}
