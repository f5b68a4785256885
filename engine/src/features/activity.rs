//! Aggregates of each user's events: number, weight, recency, types and categories. The events of each user are sorted
//! by time, so that the order of arrival never matters; e events of a user take O(e log e).

use super::table::{Column, DAY, Table};
use crate::error::{EngineError, Result};
use crate::interactions::{Events, UserEvent};
use crate::observer::Observer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// An aggregate of a user's events.
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
    /// The number of distinct days (UTC) with an event.
    ActiveDays,
    /// The number of events per type, for the `COMMON` types with the most users.
    Types,
    /// The share of the weight per item category, for the `COMMON` categories with the most users.
    Categories,
}

/// The maximum number of types and categories that become columns; a profile with more is hard to read.
const COMMON: usize = 10;
/// Users per task; with tens of events each, a task has some thousands of events.
const USERS: usize = 256;

/// The category of every item.
#[derive(Clone, Copy, Debug)]
pub struct ItemCategories<'a> {
    /// The category code of each item; a code without a name, such as [`super::NO_LEVEL`], means none.
    pub of_item: &'a [u32],
    /// The names of the categories, by code.
    pub names: &'a [String],
}

impl ItemCategories<'_> {
    fn of(&self, event: &UserEvent) -> Option<usize> {
        let code = *self.of_item.get(event.item as usize)? as usize;
        (code < self.names.len()).then_some(code)
    }
}

/// Computes the aggregates of every user of `events`, by user number, as columns "events", "weight", "recency",
/// "active_days", "events of type NAME", "category NAME". Events after `as_of` (microseconds) are ignored, so that no
/// aggregate contains information from the future. "recency" is null for a user without any earlier event.
///
/// # Errors
/// [`EngineError::Missing`] if an aggregate needs times or categories that do not exist,
/// [`EngineError::Cancelled`].
pub fn activity(
    events: &Events,
    choices: &[Activity],
    as_of: i64,
    categories: Option<ItemCategories<'_>>,
    observer: &dyn Observer,
) -> Result<Table> {
    let mut names = Vec::new();
    // The column index of each category and type that has one.
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

/// The type of an event, if it has one.
fn type_of(events: &Events, event: &UserEvent) -> Option<usize> {
    let event_type = usize::from(event.event_type);
    (event_type < events.types().len()).then_some(event_type)
}

/// The most common of `count` kinds of events, by the number of users with such an event.
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

/// Returns an error if `events` have no times.
pub(crate) fn needs_times(events: &Events, what: &'static str) -> Result<()> {
    let needs = "the time of every event";
    if events.is_timed() { Ok(()) } else { Err(EngineError::Missing { what, needs }) }
}

/// The events of a user up to a time; all of them if they have no times.
fn until(events: &Events, user: usize, as_of: i64) -> impl Iterator<Item = UserEvent> + '_ {
    let as_of = if events.is_timed() { as_of } else { i64::MAX };
    events.of_user(user).filter(move |event| event.time <= as_of)
}

/// Builds a numeric table with one row per user. `aggregate` receives the events up to `as_of`, sorted by time, and
/// fills a row of zeros.
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

/// The sum of the weights of `events`.
pub(crate) fn total_weight(events: &[UserEvent]) -> f64 {
    events.iter().map(|event| f64::from(event.weight)).sum()
}

/// Days from the last event to `as_of`; NaN without events.
pub(crate) fn recency(events: &[UserEvent], as_of: i64) -> f64 {
    events.last().map_or(f64::NAN, |last| (as_of as f64 - last.time as f64) / DAY as f64)
}

/// The number of distinct keys of `events`, which must be sorted by the key.
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
