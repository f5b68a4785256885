//! Events grouped by user.

use super::ids::{Id, Ids};
use super::raw::{NO_TYPE, RawEvents, RawTypes};
use crate::error::{EngineError, Result};
use crate::observer::Observer;

/// Least support of users and items, and the most that one user may count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// Users with fewer events are left out.
    pub min_user_events: usize,
    /// Items with fewer events are left out.
    pub min_item_events: usize,
    /// Of a user with more items, only this many count: the latest, or without times the heaviest.
    pub max_user_events: usize,
}

/// Events grouped by user, with ids numbered in their own order; users and items below the least
/// support are gone.
#[derive(Clone, Debug)]
pub struct Events {
    users: Ids,
    items: Ids,
    starts: Vec<usize>,
    item: Vec<u32>,
    weight: Vec<f32>,
    time: Option<Vec<i64>>,
    types: Option<EventTypes>,
    pub(super) max_user_events: usize,
}

/// The type of every event.
#[derive(Clone, Debug)]
struct EventTypes {
    /// In their order.
    names: Vec<String>,
    of_event: Vec<u16>,
}

impl EventTypes {
    /// The names in their order, and no event yet; with the new number of each old one.
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
    /// The weight.
    pub weight: f32,
    /// The time in microseconds; 0 without times.
    pub time: i64,
    /// The number of the type, [`NO_TYPE`] without one.
    pub event_type: u16,
}

/// New numbers, in the order of the ids, for those with enough events; `u32::MAX` for the others.
fn renumber(ids: &Ids, number_of: &[u32], least: usize) -> (Ids, Vec<u32>) {
    let mut counts = vec![0usize; ids.len()];
    for &number in number_of {
        counts[number as usize] += 1;
    }
    let kept: Vec<u32> = ids.order().into_iter().filter(|&n| counts[n as usize] >= least.max(1)).collect();
    let mut renumbered = vec![u32::MAX; ids.len()];
    for (new, &old) in kept.iter().enumerate() {
        renumbered[old as usize] = new as u32;
    }
    (ids.select(&kept), renumbered)
}

impl Events {
    /// Groups raw events by user and applies the limits of support (once: counts are of all events).
    ///
    /// # Errors
    /// [`EngineError::NothingToTrainOn`] where no event is left, [`EngineError::Cancelled`].
    pub fn new(raw: RawEvents, limits: EventLimits, observer: &dyn Observer) -> Result<Self> {
        let RawEvents { users, items, user, item, weight, time, types } = raw;
        let total = user.len();
        let (users, user_numbers) = renumber(&users.into_ids(), &user, limits.min_user_events);
        observer.check()?;
        let (items, item_numbers) = renumber(&items.into_ids(), &item, limits.min_item_events);
        observer.check()?;

        // A counting sort by user; an event of a user or item that is left out has no place.
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
                "there is no event".to_owned()
            } else {
                format!(
                    "none of {total} events has a user with {} and an item with {} events or more",
                    limits.min_user_events, limits.min_item_events
                )
            };
            return Err(EngineError::NothingToTrainOn { reason });
        }
        let mut next = starts.clone();
        let (raw_types, names) = types.map(|RawTypes { names, of_event }| (of_event, names)).unzip();
        let (types, numbers) = names.map(|names| EventTypes::new(names.ids(), kept)).unzip();
        let mut sorted = Self {
            users,
            items,
            item: vec![0; kept],
            weight: vec![0.0; kept],
            time: time.as_ref().map(|_| vec![0; kept]),
            types,
            starts,
            max_user_events: limits.max_user_events,
        };
        for event in 0..total {
            if let Some((user, item)) = place(event) {
                let to = next[user];
                next[user] += 1;
                sorted.item[to] = item;
                sorted.weight[to] = weight[event];
                if let (Some(to_time), Some(from_time)) = (&mut sorted.time, &time) {
                    to_time[to] = from_time[event];
                }
                if let (Some(types), Some(raw), Some(numbers)) = (&mut sorted.types, &raw_types, &numbers) {
                    types.of_event[to] = numbers.get(usize::from(raw[event])).copied().unwrap_or(NO_TYPE);
                }
            }
        }
        observer.check()?;
        Ok(sorted)
    }

    /// User ids by number.
    pub fn users(&self) -> &Ids {
        &self.users
    }

    /// Item ids by number.
    pub fn items(&self) -> &Ids {
        &self.items
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.item.len()
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.item.is_empty()
    }

    /// True where every event has a time.
    pub fn is_timed(&self) -> bool {
        self.time.is_some()
    }

    /// The types of events in their order, by their numbers; none where types are not kept.
    pub fn types(&self) -> &[String] {
        self.types.as_ref().map_or(&[], |types| &types.names)
    }

    /// The events of a user, in the order they arrived.
    pub fn of_user(&self, user: usize) -> impl Iterator<Item = UserEvent> + '_ {
        (self.starts[user]..self.starts[user + 1]).map(|event| UserEvent {
            item: self.item[event],
            weight: self.weight[event],
            time: self.time.as_ref().map_or(0, |times| times[event]),
            event_type: self.types.as_ref().map_or(NO_TYPE, |types| types.of_event[event]),
        })
    }

    /// Only the events that `keep(user, item, time)` accepts, of the same users and items.
    pub fn select(&self, keep: impl Fn(u32, u32, i64) -> bool) -> Self {
        let mut selected = Self {
            users: self.users.clone(),
            items: self.items.clone(),
            starts: vec![0],
            item: Vec::new(),
            weight: Vec::new(),
            time: self.time.as_ref().map(|_| Vec::new()),
            types: self.types.as_ref().map(|types| EventTypes { of_event: Vec::new(), ..types.clone() }),
            max_user_events: self.max_user_events,
        };
        for user in 0..self.users.len() {
            for event in self.starts[user]..self.starts[user + 1] {
                let time = self.time.as_ref().map_or(0, |times| times[event]);
                if keep(user as u32, self.item[event], time) {
                    selected.item.push(self.item[event]);
                    selected.weight.push(self.weight[event]);
                    if let Some(times) = &mut selected.time {
                        times.push(time);
                    }
                    if let (Some(to), Some(from)) = (&mut selected.types, &self.types) {
                        to.of_event.push(from.of_event[event]);
                    }
                }
            }
            selected.starts.push(selected.item.len());
        }
        selected
    }

    /// The time of the latest event, in microseconds; 0 without times.
    pub fn latest(&self) -> i64 {
        self.time.as_ref().and_then(|times| times.iter().max().copied()).unwrap_or(0)
    }

    /// The time after which the given share of events lies; `None` without times.
    pub fn time_quantile(&self, share: f64) -> Option<i64> {
        let mut times = self.time.clone()?;
        let place = ((1.0 - share) * times.len() as f64) as usize;
        let place = place.min(times.len().checked_sub(1)?);
        Some(*times.select_nth_unstable(place).1)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::ids::IdKind;
    use super::super::weighting::{Duplicates, Weighting};
    use super::*;
    use crate::observer::Silent;

    pub const LIMITS: EventLimits =
        EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 100 };
    pub const SUM: Weighting = Weighting { duplicates: Duplicates::Sum, half_life: None, anchor: 0 };

    pub fn events(rows: &[(i64, i64, f32, i64)], limits: EventLimits) -> Events {
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
        for &(user, item, weight, time) in rows {
            raw.push(Id::Bigint(user), Id::Bigint(item), weight, time);
        }
        Events::new(raw, limits, &Silent).unwrap()
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

    #[test]
    fn no_event_left_is_an_error_that_says_why() {
        let raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
        let error = Events::new(raw, LIMITS, &Silent).unwrap_err();
        assert_eq!(error, EngineError::NothingToTrainOn { reason: "there is no event".into() });
    }
}
