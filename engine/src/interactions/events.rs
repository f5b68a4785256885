//! Events grouped by user.

use super::ids::{Id, Ids};
use super::raw::{NO_TYPE, RawEvents, RawSeen, RawTypes};
use super::seen_rule::SeenRule;
use crate::error::{EngineError, Result};
use crate::observer::Observer;

/// The minimum support of users and items, and the maximum number of items per user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// Users with fewer events are dropped.
    pub min_user_events: usize,
    /// Items with fewer events are dropped.
    pub min_item_events: usize,
    /// If a user has more items, only this many count: the latest or, without times, the heaviest.
    pub max_user_events: usize,
}

/// Events grouped by user. Ids are renumbered in their own order; users and items without the minimum support are
/// dropped.
#[derive(Clone, Debug)]
pub struct Events {
    pub(super) users: Ids,
    pub(super) items: Ids,
    starts: Vec<usize>,
    item: Vec<u32>,
    weight: Vec<f32>,
    time: Option<Vec<i64>>,
    types: Option<EventTypes>,
    pub(super) seen: SeenEvents,
    pub(super) seen_rule: SeenRule,
    /// Whether each event counts as seen; empty if all do.
    counted: Vec<bool>,
    pub(super) max_user_events: usize,
    /// Events after this moment are in the future.
    now: i64,
}

/// Events that do not count, grouped by user.
#[derive(Clone, Debug)]
pub(super) struct SeenEvents {
    starts: Vec<usize>,
    item: Vec<u32>,
    /// The times of the items; empty if events have no times.
    time: Vec<i64>,
    /// Whether each counts as seen; empty if all do.
    counted: Vec<bool>,
}

impl SeenEvents {
    /// None yet.
    fn none() -> Self {
        Self { starts: vec![0], item: Vec::new(), time: Vec::new(), counted: Vec::new() }
    }

    /// Adds an event of the next user.
    fn push(&mut self, (item, time, counts): (u32, i64, bool), like: &Self) {
        self.item.push(item);
        if !like.time.is_empty() {
            self.time.push(time);
        }
        if !like.counted.is_empty() {
            self.counted.push(counts);
        }
    }

    /// Keeps the events of the remaining users and items, and groups them by user.
    fn new(raw: &RawSeen, user_numbers: &[u32], item_numbers: &[u32], users: usize) -> Self {
        let mut kept: Vec<(u32, u32, i64, bool)> = raw
            .user
            .iter()
            .zip(&raw.item)
            .enumerate()
            .map(|(event, (&user, &item))| {
                let time = raw.time.get(event).copied().unwrap_or(0);
                let counts = raw.counted.get(event).copied().unwrap_or(true);
                (user_numbers[user as usize], item_numbers[item as usize], time, counts)
            })
            .filter(|&(user, item, ..)| user != u32::MAX && item != u32::MAX)
            .collect();
        kept.sort_unstable();
        kept.dedup();
        let starts = (0..=users as u32).map(|user| kept.partition_point(|event| event.0 < user)).collect();
        let time = if raw.time.is_empty() { Vec::new() } else { kept.iter().map(|event| event.2).collect() };
        let counted =
            if raw.counted.is_empty() { Vec::new() } else { kept.iter().map(|event| event.3).collect() };
        Self { starts, item: kept.into_iter().map(|event| event.1).collect(), time, counted }
    }

    /// The item, the time and whether it counts as seen, of each of a user's events.
    fn judged_of_user(&self, user: usize) -> impl Iterator<Item = (u32, i64, bool)> + '_ {
        let range = self.starts[user]..self.starts[user + 1];
        range.map(|event| {
            let time = self.time.get(event).copied().unwrap_or(0);
            (self.item[event], time, self.counted.get(event).copied().unwrap_or(true))
        })
    }

    pub(super) fn of_user(&self, user: usize) -> impl Iterator<Item = (u32, i64)> + '_ {
        self.judged_of_user(user).map(|(item, time, _)| (item, time))
    }
}

/// The types of the events.
#[derive(Clone, Debug)]
struct EventTypes {
    /// The names of the types, sorted.
    names: Vec<String>,
    of_event: Vec<u16>,
}

impl EventTypes {
    /// Sorts the names and reserves space for events; also returns the new number of each old one.
    fn new(names: &Ids, events: usize) -> (Self, Vec<u16>) {
        let mut numbers = vec![NO_TYPE; names.len()];
        let mut ordered = Vec::with_capacity(names.len());
        for (new, old) in names.order().into_iter().enumerate() {
            numbers[old as usize] = new as u16;
            if let Id::Text(name) = names.get(old as usize) {
                ordered.push(name.to_owned());
            }
        }
        (Self { names: ordered, of_event: vec![NO_TYPE; events] }, numbers)
    }
}

/// One event of a user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UserEvent {
    /// The number of the item.
    pub item: u32,
    /// The weight of the event.
    pub weight: f32,
    /// The time in microseconds; 0 without times.
    pub time: i64,
    /// The number of the type, [`NO_TYPE`] without one.
    pub event_type: u16,
}

/// Renumbers the ids with enough events, and those kept `always`, in their own order; the others get `u32::MAX`.
fn renumber(ids: &Ids, number_of: &[u32], least: usize, always: &[u32]) -> (Ids, Vec<u32>) {
    let mut counts = vec![0usize; ids.len()];
    for &number in number_of {
        counts[number as usize] += 1;
    }
    always.iter().for_each(|&number| counts[number as usize] = usize::MAX);
    let kept: Vec<u32> = ids.order().into_iter().filter(|&n| counts[n as usize] >= least.max(1)).collect();
    let mut renumbered = vec![u32::MAX; ids.len()];
    for (new, &old) in kept.iter().enumerate() {
        renumbered[old as usize] = new as u32;
    }
    (ids.select(&kept), renumbered)
}

impl Events {
    /// Groups raw events by user and drops users and items below the limits. Counts include all events; the limits are
    /// not applied repeatedly.
    ///
    /// # Errors
    /// [`EngineError::NothingToTrainOn`] if no event is left, [`EngineError::Cancelled`].
    pub fn new(raw: RawEvents, limits: EventLimits, observer: &dyn Observer) -> Result<Self> {
        let RawEvents {
            users,
            items,
            user,
            item,
            weight,
            time,
            types,
            seen,
            new_items,
            now,
            seen_rule,
            counted,
        } = raw;
        let total = user.len();
        let (users, user_numbers) = renumber(&users.into_ids(), &user, limits.min_user_events, &[]);
        observer.check()?;
        let (items, item_numbers) = renumber(&items.into_ids(), &item, limits.min_item_events, &new_items);
        observer.check()?;

        // A counting sort by user. Events of dropped users and items have no place.
        let place = |event: usize| {
            let user = user_numbers[user[event] as usize];
            let item = item_numbers[item[event] as usize];
            (user != u32::MAX && item != u32::MAX).then_some((user as usize, item))
        };
        let mut starts = vec![0; users.len() + 1];
        for event in 0..total {
            if let Some((user, _)) = place(event) {
                starts[user + 1] += 1;
            }
        }
        for u in 0..users.len() {
            starts[u + 1] += starts[u];
        }
        observer.check()?;
        let kept = starts[users.len()];
        if kept == 0 {
            let reason = if total == 0 {
                "There are no events.".to_owned()
            } else {
                format!(
                    "None of {total} events has a user with at least {} and an item with at least {} events.",
                    limits.min_user_events, limits.min_item_events
                )
            };
            return Err(EngineError::NothingToTrainOn { reason });
        }
        let mut next = starts.clone();
        let (raw_types, names) = types.map(|RawTypes { names, of_event }| (of_event, names)).unzip();
        let (types, numbers) = names.map(|names| EventTypes::new(names.ids(), kept)).unzip();
        let seen = SeenEvents::new(&seen, &user_numbers, &item_numbers, users.len());
        observer.check()?;
        let mut sorted = Self {
            users,
            items,
            item: vec![0; kept],
            weight: vec![0.0; kept],
            time: time.as_ref().map(|_| vec![0; kept]),
            types,
            starts,
            seen,
            seen_rule,
            counted: if counted.is_empty() { Vec::new() } else { vec![true; kept] },
            max_user_events: limits.max_user_events,
            now,
        };
        for event in 0..total {
            if let Some((user, item)) = place(event) {
                let to = next[user];
                next[user] += 1;
                sorted.item[to] = item;
                sorted.weight[to] = weight[event];
                if let Some(counts) = counted.get(event) {
                    sorted.counted[to] = *counts;
                }
                if let (Some(to_time), Some(from_time)) = (&mut sorted.time, &time) {
                    to_time[to] = from_time[event];
                }
                if let (Some(types), Some(raw), Some(numbers)) = (&mut sorted.types, &raw_types, &numbers) {
                    types.of_event[to] = numbers.get(usize::from(raw[event])).copied().unwrap_or(NO_TYPE);
                }
            }
        }
        observer.check()?;
        // If most events lie in the future, the clock must be wrong, so ignore it.
        if 2 * sorted.future() > sorted.len() {
            sorted.now = i64::MAX;
        }
        Ok(sorted)
    }

    /// The user ids, by number.
    pub fn users(&self) -> &Ids {
        &self.users
    }

    /// The item ids, by number.
    pub fn items(&self) -> &Ids {
        &self.items
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.item.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.item.is_empty()
    }

    /// Whether all events have times.
    pub fn is_timed(&self) -> bool {
        self.time.is_some()
    }

    /// The names of event types, by number; empty if types are not kept.
    pub fn types(&self) -> &[String] {
        self.types.as_ref().map_or(&[], |types| &types.names)
    }

    /// The events of a user, in order of arrival.
    pub fn of_user(&self, user: usize) -> impl Iterator<Item = UserEvent> + '_ {
        (self.starts[user]..self.starts[user + 1]).map(|event| UserEvent {
            item: self.item[event],
            weight: self.weight[event],
            time: self.time.as_ref().map_or(0, |times| times[event]),
            event_type: self.types.as_ref().map_or(NO_TYPE, |types| types.of_event[event]),
        })
    }

    /// The item and the time of each event of a user that counts as seen.
    pub(super) fn seen_of_user(&self, user: usize) -> impl Iterator<Item = (u32, i64)> + '_ {
        let counts = |event: &usize| self.counted.get(*event).copied().unwrap_or(true);
        let of_event = |event: usize| (self.item[event], self.time.as_ref().map_or(0, |times| times[event]));
        let own = (self.starts[user]..self.starts[user + 1]).filter(counts).map(of_event);
        let beside = self.seen.judged_of_user(user).filter(|event| event.2);
        own.chain(beside.map(|(item, time, _)| (item, time)))
    }

    /// The number of events later than the moment at which they were read. Ages are not counted from these, unless they
    /// are the majority.
    pub fn future(&self) -> usize {
        self.later(self.now)
    }

    /// The number of events later than `moment`.
    pub fn later(&self, moment: i64) -> usize {
        self.time.iter().flatten().filter(|&&time| time > moment).count()
    }

    /// Bytes taken by events that do not count, and by what is left out of lists if that is not all that users have.
    pub fn seen_memory(&self) -> u64 {
        let SeenEvents { starts, item, time, counted } = &self.seen;
        let withheld = if self.seen_rule.is_everything() { 0 } else { 24 * (self.len() + item.len()) };
        let counted = self.counted.len() + counted.len();
        (4 * item.len() + 8 * time.len() + 8 * starts.len() + counted + withheld) as u64
    }

    /// Keeps only the events accepted by `keep(user, item, time)`; users and items stay the same.
    pub fn select(&self, keep: impl Fn(u32, u32, i64) -> bool) -> Self {
        let mut selected = Self {
            users: self.users.clone(),
            items: self.items.clone(),
            starts: vec![0],
            item: Vec::new(),
            weight: Vec::new(),
            time: self.time.as_ref().map(|_| Vec::new()),
            types: self.types.as_ref().map(|types| EventTypes { of_event: Vec::new(), ..types.clone() }),
            seen: SeenEvents::none(),
            seen_rule: self.seen_rule.clone(),
            counted: Vec::new(),
            max_user_events: self.max_user_events,
            now: self.now,
        };
        for user in 0..self.users.len() {
            for event in self.starts[user]..self.starts[user + 1] {
                let time = self.time.as_ref().map_or(0, |times| times[event]);
                if keep(user as u32, self.item[event], time) {
                    selected.item.push(self.item[event]);
                    selected.weight.push(self.weight[event]);
                    selected.counted.extend(self.counted.get(event));
                    if let Some(times) = &mut selected.time {
                        times.push(time);
                    }
                    if let (Some(to), Some(from)) = (&mut selected.types, &self.types) {
                        to.of_event.push(from.of_event[event]);
                    }
                }
            }
            selected.starts.push(selected.item.len());
            let beside = self.seen.judged_of_user(user);
            for event in beside.filter(|&(item, time, _)| keep(user as u32, item, time)) {
                selected.seen.push(event, &self.seen);
            }
            selected.seen.starts.push(selected.seen.item.len());
        }
        selected
    }

    /// The items without any event, ascending.
    pub fn new_items(&self) -> Vec<u32> {
        let mut has_event = vec![false; self.items.len()];
        self.item.iter().for_each(|&item| has_event[item as usize] = true);
        (0..self.items.len() as u32).filter(|&item| !has_event[item as usize]).collect()
    }

    /// Removes the items without any event. Returns the former numbers of those that stay, ascending.
    pub fn without_new_items(mut self) -> (Self, Vec<u32>) {
        let new = self.new_items();
        let kept: Vec<u32> =
            (0..self.items.len() as u32).filter(|item| new.binary_search(item).is_err()).collect();
        let number = |item: u32| item - new.partition_point(|&other| other < item) as u32;
        self.items = self.items.select(&kept);
        self.item.iter_mut().for_each(|item| *item = number(*item));
        // An item that is only seen has no event.
        let mut left = SeenEvents::none();
        for user in 0..self.users.len() {
            let beside = self.seen.judged_of_user(user);
            for (item, time, counts) in beside.filter(|event| new.binary_search(&event.0).is_err()) {
                left.push((number(item), time, counts), &self.seen);
            }
            left.starts.push(left.item.len());
        }
        self.seen = left;
        (self, kept)
    }

    /// The time of the first event on each item, in microseconds; `None` without times. Items without events have
    /// `i64::MAX`.
    pub fn first_times(&self) -> Option<Vec<i64>> {
        let times = self.time.as_ref()?;
        let mut first = vec![i64::MAX; self.items.len()];
        for (&item, &time) in self.item.iter().zip(times) {
            first[item as usize] = first[item as usize].min(time);
        }
        Some(first)
    }

    /// The time of the latest event that does not lie in the future, in microseconds; 0 without times.
    pub fn latest(&self) -> i64 {
        let past = self.time.iter().flatten().filter(|&&time| time <= self.now);
        past.max().copied().unwrap_or(0)
    }

    /// The time after which the given share of events occurred; `None` without times.
    pub fn time_quantile(&self, share: f64) -> Option<i64> {
        let mut times = self.time.clone()?;
        let place = ((1.0 - share) * times.len() as f64) as usize;
        let place = place.min(times.len().checked_sub(1)?);
        Some(*times.select_nth_unstable(place).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::ids::IdKind;
    use crate::observer::Silent;

    #[test]
    fn no_event_left_is_an_error_that_says_why() {
        let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 100 };
        let raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
        let error = Events::new(raw, limits, &Silent).unwrap_err();
        assert_eq!(error, EngineError::NothingToTrainOn { reason: "There are no events.".into() });
    }
}
