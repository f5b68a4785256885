//! What the events tell about every user: how many, how much, how recently, of what. One pass over
//! the events of each user, sorted by time, so the order of their arrival never matters: O(e log e)
//! for e events of a user.

use super::table::{Column, DAY, Table};
use crate::error::{EngineError, Result};
use crate::interactions::{Events, UserEvent};
use crate::observer::Observer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// An aggregate of the events of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Activity {
    /// The number of events.
    Events,
    /// The sum of their weights.
    Weight,
    /// Days since the last event.
    Recency,
    /// The number of different days (UTC) with an event.
    ActiveDays,
    /// The number of events of each type, for the `COMMON` types that most users have an event of.
    Types,
    /// The share of the weight that is on items of a category, for the `COMMON` categories that most
    /// users have an event in.
    Categories,
}

/// Types and categories that become columns: as many as a person reads in a profile.
const COMMON: usize = 10;
/// Users of a task: some thousands of events where users have tens.
const USERS: usize = 256;

/// The category of every item.
#[derive(Clone, Copy, Debug)]
pub struct ItemCategories<'a> {
    /// By the number of the item; a code without a name, such as [`super::NO_LEVEL`], is none.
    pub of_item: &'a [u32],
    /// By code.
    pub names: &'a [String],
}

impl ItemCategories<'_> {
    fn of(&self, event: &UserEvent) -> Option<usize> {
        let code = *self.of_item.get(event.item as usize)? as usize;
        (code < self.names.len()).then_some(code)
    }
}

/// The aggregates of every user of `events`, in the order of their numbers: columns "events",
/// "weight", "recency", "active_days", "events of type NAME", "category NAME". Events after `as_of` (microseconds) do not
/// count, so that no aggregate knows the future; "recency" is null for a user without any before it.
///
/// # Errors
/// [`EngineError::Missing`] where a choice needs times or categories that are not there,
/// [`EngineError::Cancelled`].
pub fn activity(
    events: &Events,
    choices: &[Activity],
    as_of: i64,
    categories: Option<ItemCategories<'_>>,
    observer: &dyn Observer,
) -> Result<Table> {
    let mut names = Vec::new();
    // The place among the columns of every category and type that has one.
    let mut places: Option<(ItemCategories<'_>, Vec<Option<usize>>)> = None;
    let mut type_places = vec![None; events.types().len()];
    for choice in choices {
        match choice {
            Activity::Events => names.push("events".to_owned()),
            Activity::Weight => names.push("weight".to_owned()),
            Activity::Recency => {
                needs_times(events, "recency")?;
                names.push("recency".to_owned());
            }
            Activity::ActiveDays => {
                needs_times(events, "active_days")?;
                names.push("active_days".to_owned());
            }
            Activity::Types => {
                if events.types().is_empty() {
                    return Err(EngineError::Missing { what: "types", needs: "the type of events" });
                }
                let type_of = |event: &UserEvent| type_of(events, event);
                for common in most_common(events, events.types().len(), &type_of, as_of, observer)? {
                    type_places[common] = Some(names.len());
                    names.push(format!("events of type {}", events.types()[common]));
                }
            }
            Activity::Categories => {
                let needs = "the category of items";
                let missing = EngineError::Missing { what: "categories", needs };
                let categories = categories.ok_or(missing)?;
                let mut place = vec![None; categories.names.len()];
                let category_of = |event: &UserEvent| categories.of(event);
                let count = categories.names.len();
                for category in most_common(events, count, &category_of, as_of, observer)? {
                    place[category] = Some(names.len());
                    names.push(format!("category {}", categories.names[category]));
                }
                places = Some((categories, place));
            }
        }
    }
    let all = events;
    per_user(events, names, as_of, observer, |events, row| {
        let mut next = 0;
        for choice in choices {
            let value = match choice {
                Activity::Events => events.len() as f64,
                Activity::Types => {
                    for place in events.iter().filter_map(|event| type_places[type_of(all, event)?]) {
                        row[place] += 1.0;
                    }
                    next += type_places.iter().flatten().count();
                    continue;
                }
                Activity::Weight => total_weight(events),
                Activity::Recency => recency(events, as_of),
                Activity::ActiveDays => distinct(events, |event| event.time.div_euclid(DAY)) as f64,
                Activity::Categories => {
                    let total = total_weight(events);
                    if let Some((categories, place)) = &places {
                        for event in events {
                            if let Some(place) = categories.of(event).and_then(|category| place[category]) {
                                row[place] += f64::from(event.weight) / total;
                            }
                        }
                        next += place.iter().flatten().count();
                    }
                    continue;
                }
            };
            row[next] = value;
            next += 1;
        }
    })
}

/// The type of an event, where it has one.
fn type_of(events: &Events, event: &UserEvent) -> Option<usize> {
    let event_type = usize::from(event.event_type);
    (event_type < events.types().len()).then_some(event_type)
}

/// Of `count` kinds of events those that most users have an event of, the commonest first.
fn most_common(
    events: &Events,
    count: usize,
    kind_of: &dyn Fn(&UserEvent) -> Option<usize>,
    as_of: i64,
    observer: &dyn Observer,
) -> Result<Vec<usize>> {
    let (mut users_of, mut last_user) = (vec![0usize; count], vec![usize::MAX; count]);
    for user in 0..events.users().len() {
        if user.is_multiple_of(USERS) {
            observer.check()?;
        }
        for kind in until(events, user, as_of).filter_map(|event| kind_of(&event)) {
            if last_user[kind] != user {
                last_user[kind] = user;
                users_of[kind] += 1;
            }
        }
    }
    let mut order: Vec<usize> = (0..count).filter(|&kind| users_of[kind] > 0).collect();
    order.sort_by_key(|&kind| (std::cmp::Reverse(users_of[kind]), kind));
    order.truncate(COMMON);
    Ok(order)
}

/// An error where `events` have no times.
pub(crate) fn needs_times(events: &Events, what: &'static str) -> Result<()> {
    let needs = "the time of every event";
    if events.is_timed() { Ok(()) } else { Err(EngineError::Missing { what, needs }) }
}

/// The events of a user up to a time; all where they have no times.
fn until(events: &Events, user: usize, as_of: i64) -> impl Iterator<Item = UserEvent> + '_ {
    let as_of = if events.is_timed() { as_of } else { i64::MAX };
    events.of_user(user).filter(move |event| event.time <= as_of)
}

/// A table of numbers with a row for every user: `aggregate` gets the events up to `as_of` in a
/// fixed order, by time, and fills a row of zeros.
pub(crate) fn per_user<F>(
    events: &Events,
    names: Vec<String>,
    as_of: i64,
    observer: &dyn Observer,
    aggregate: F,
) -> Result<Table>
where
    F: Fn(&[UserEvent], &mut [f64]) + Sync,
{
    let (users, width) = (events.users().len(), names.len().max(1));
    let mut rows = vec![0.0; users * width];
    rows.par_chunks_mut(USERS * width).enumerate().try_for_each(|(block, rows)| {
        observer.check()?;
        let mut of_user = Vec::new();
        for (n, row) in rows.chunks_mut(width).enumerate() {
            of_user.clear();
            of_user.extend(until(events, block * USERS + n, as_of));
            of_user.sort_unstable_by(|a, b| {
                (a.time, a.item).cmp(&(b.time, b.item)).then(a.weight.total_cmp(&b.weight))
            });
            aggregate(&of_user, row);
        }
        Ok(())
    })?;
    let column = |place: usize| rows.iter().skip(place).step_by(width).copied().collect();
    let columns = names.into_iter().enumerate().map(|(place, name)| Column::numbers(name, column(place)));
    Table::new(users, columns.collect())
}

/// The sum of weights.
pub(crate) fn total_weight(events: &[UserEvent]) -> f64 {
    events.iter().map(|event| f64::from(event.weight)).sum()
}

/// Days from the last event to `as_of`; NaN without events.
pub(crate) fn recency(events: &[UserEvent], as_of: i64) -> f64 {
    events.last().map_or(f64::NAN, |last| (as_of as f64 - last.time as f64) / DAY as f64)
}

/// How many different keys events have that are sorted by it.
pub(crate) fn distinct<K: PartialEq>(events: &[UserEvent], key: impl Fn(&UserEvent) -> K) -> usize {
    events.chunk_by(|a, b| key(a) == key(b)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::table::Values;
    use crate::interactions::{EventLimits, Id, IdKind, RawEvents};
    use crate::observer::Silent;

    const ALL: EventLimits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 100 };

    fn events(rows: &[(i64, i64, f32, f64)], timed: bool) -> Events {
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, timed);
        for &(user, item, weight, day) in rows {
            raw.push(Id::Bigint(user), Id::Bigint(item), weight, (day * DAY as f64) as i64);
        }
        Events::new(raw, ALL, &Silent).unwrap()
    }

    fn numbers(table: &Table, name: &str) -> Vec<f64> {
        match &table.column(name).unwrap().values {
            Values::Number(values) => values.clone(),
            other => panic!("{other:?}"),
        }
    }

    const ROWS: [(i64, i64, f32, f64); 6] = [
        (1, 10, 2.0, 3.0),
        (1, 11, 1.0, 3.5),
        (1, 12, 1.0, -0.25),
        (2, 10, 4.0, 9.0),
        (2, 11, 4.0, 11.0),
        (3, 12, 5.0, 12.0),
    ];

    #[test]
    fn aggregates_are_those_worked_out_by_hand_and_never_know_the_future() {
        let mut rows = ROWS;
        let names = ["books".to_owned(), "toys".to_owned()];
        let categories = ItemCategories { of_item: &[1, 0, super::super::NO_LEVEL], names: &names };
        let choices = [
            Activity::Categories,
            Activity::Events,
            Activity::Weight,
            Activity::Recency,
            Activity::ActiveDays,
        ];
        let compute = |rows: &[_]| {
            activity(&events(rows, true), &choices, 10 * DAY, Some(categories), &Silent).unwrap()
        };
        let table = compute(&rows);
        assert_eq!(numbers(&table, "events"), [3.0, 1.0, 0.0]);
        assert_eq!(numbers(&table, "weight"), [4.0, 4.0, 0.0]);
        assert_eq!(numbers(&table, "recency")[..2], [6.5, 1.0]);
        assert!(numbers(&table, "recency")[2].is_nan(), "the only event is after as_of");
        assert_eq!(numbers(&table, "active_days"), [2.0, 1.0, 0.0]);
        assert_eq!(numbers(&table, "category toys"), [0.5, 1.0, 0.0]);
        assert_eq!(numbers(&table, "category books"), [0.25, 0.0, 0.0]);
        rows.reverse();
        assert_eq!(format!("{:?}", compute(&rows)), format!("{table:?}"));
    }

    #[test]
    fn types_are_counted_by_name_whatever_the_order_of_events() {
        let count = |rows: &[(i64, &str)]| {
            let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false).typed();
            for &(user, name) in rows {
                raw.push(Id::Bigint(user), Id::Bigint(1), 1.0, 0);
                if !name.is_empty() {
                    raw.set_type(name);
                }
            }
            let events = Events::new(raw, ALL, &Silent).unwrap();
            let kept = events.select(|user, _, _| user != 1);
            assert_eq!(kept.types(), ["buy", "view"]);
            assert!(
                kept.of_user(0)
                    .all(|event| event.event_type < 2 || event.event_type == crate::interactions::NO_TYPE)
            );
            activity(&events, &[Activity::Types], 0, None, &Silent).unwrap()
        };
        let mut rows = [(1, "view"), (1, "view"), (1, "buy"), (1, ""), (2, "view"), (3, "")];
        let table = count(&rows);
        assert_eq!(numbers(&table, "events of type view"), [2.0, 1.0, 0.0]);
        assert_eq!(numbers(&table, "events of type buy"), [1.0, 0.0, 0.0]);
        rows.reverse();
        assert_eq!(format!("{:?}", count(&rows)), format!("{table:?}"));
    }

    #[test]
    fn what_needs_more_than_was_given_is_refused_by_name() {
        let untimed = events(&ROWS, false);
        let of = |choice| activity(&untimed, &[choice], 0, None, &Silent);
        assert_eq!(numbers(&of(Activity::Events).unwrap(), "events"), [3.0, 2.0, 1.0]);
        for (choice, message) in [
            (Activity::Recency, "recency cannot be computed without the time of every event"),
            (Activity::ActiveDays, "active_days cannot be computed without the time of every event"),
            (Activity::Types, "types cannot be computed without the type of events"),
            (Activity::Categories, "categories cannot be computed without the category of items"),
        ] {
            assert_eq!(of(choice).unwrap_err().to_string(), message);
        }
        assert_eq!(activity(&untimed, &[], 0, None, &Silent).unwrap().rows(), 3);
    }
}
