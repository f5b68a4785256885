//! Reading events as the caller: everybody's, streamed into the engine, and one user's, now.

use super::live::{Live, LiveRows};
use super::models::{EventsSource, Model};
use super::relations::{self, ColumnRole, EventColumns, query_of};
use crate::error::{BadRows, LONGEST_ID, Result, SegrecError};
use crate::pg::executor::query::Row;
use crate::pg::process::memory::limit_below;
use pgrx::datum::{TimestampWithTimeZone, clock_timestamp};
use pgrx::pg_sys;
use segrec_engine::interactions::{Id, IdKind, RawEvents};
use segrec_engine::training::estimate::Spread;
use std::collections::{BTreeMap, BTreeSet};

/// Rows between looks at the memory in use.
const MEMORY_CHECK_ROWS: u64 = 1 << 16;
/// Bytes that these rows take at most, but for ids that are long texts.
const READING_AHEAD: u64 = 32 << 20;

/// What reading found besides the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Rows read.
    pub rows: u64,
    /// Rows that cannot be used.
    pub bad: BadRows,
    /// Rows of a type that has no weight.
    pub unlisted_type: u64,
    /// The types of these rows, with their numbers: of very many types the first that came.
    pub unlisted: BTreeMap<String, u64>,
    /// The types with a weight that occur.
    pub listed: BTreeSet<String>,
    /// Rows with a weight of zero.
    pub weightless: u64,
    /// Rows whose time is later than now.
    pub future: u64,
}

/// Types without a weight that are told apart, and their letters.
const MOST_UNLISTED: usize = 100;
/// Letters of a type that are told.
const LONGEST_TYPE: usize = 60;

impl ReadReport {
    /// Counts a row whose type has no weight.
    fn count_unlisted(&mut self, name: Option<&str>) {
        self.unlisted_type += 1;
        let name: String = name.unwrap_or("null").chars().take(LONGEST_TYPE).collect();
        if self.unlisted.len() < MOST_UNLISTED || self.unlisted.contains_key(&name) {
            *self.unlisted.entry(name).or_default() += 1;
        }
    }

    /// Remembers that a type with a weight occurs.
    fn notice_listed(&mut self, name: &str) {
        if !self.listed.contains(name) {
            self.listed.insert(name.to_owned());
        }
    }
}

/// Where the parts of an event stand in the query's columns.
struct Layout {
    user: IdKind,
    item: IdKind,
    weight: Option<usize>,
    time: Option<usize>,
    event_type: Option<usize>,
}

fn kinds(columns: &EventColumns) -> Result<(IdKind, IdKind)> {
    match (columns.user.id_kind(), columns.item.id_kind()) {
        (Some(user), Some(item)) => Ok((user, item)),
        _ => Err(SegrecError::Internal("an id column has a type that is no id".to_owned())),
    }
}

fn layout(columns: &EventColumns) -> Result<Layout> {
    let (user, item) = kinds(columns)?;
    let mut next = 2;
    let mut place = |present: bool| {
        present.then(|| {
            next += 1;
            next - 1
        })
    };
    let weight = place(columns.weight.is_some());
    let time = place(columns.time.is_some());
    let event_type = place(columns.event_type.is_some());
    Ok(Layout { user, item, weight, time, event_type })
}

/// The expressions that read an event, in the order of [`Layout`].
pub fn expressions(columns: &EventColumns) -> Vec<String> {
    let mut expressions =
        vec![columns.user.expression(ColumnRole::Id), columns.item.expression(ColumnRole::Id)];
    expressions.extend(columns.weight.iter().map(|column| column.expression(ColumnRole::Weight)));
    expressions.extend(columns.time.iter().map(|column| column.expression(ColumnRole::Time)));
    expressions.extend(columns.event_type.iter().map(|column| column.expression(ColumnRole::Type)));
    expressions
}

/// What is wrong with an event, if anything; its weight and time otherwise.
enum Judged {
    Good {
        weight: f32,
        time: i64,
    },
    /// It counts nothing, but its user has the item.
    Seen {
        time: i64,
    },
    Unlisted,
    Bad(fn(&mut ReadReport) -> &mut u64),
}

/// Judges the parts of an event that are not ids. `None` for a part the model does not have, `Some(None)`
/// for one that is null.
fn judge(
    weight: Option<Option<f64>>,
    time: Option<Option<i64>>,
    type_weight: Option<f64>,
    signed: bool,
) -> Judged {
    let value = match weight {
        None => 1.0,
        Some(None) => return Judged::Bad(|report| &mut report.bad.null_weight),
        Some(Some(value)) if !value.is_finite() => {
            return Judged::Bad(|report| &mut report.bad.weight_not_finite);
        }
        Some(Some(value)) if value < 0.0 && !signed => {
            return Judged::Bad(|report| &mut report.bad.negative_weight);
        }
        Some(Some(value)) => value,
    };
    let time = match time {
        None => 0,
        Some(None | Some(i64::MIN | i64::MAX)) => {
            return Judged::Bad(|report| &mut report.bad.bad_time);
        }
        Some(Some(time)) => time,
    };
    let Some(type_weight) = type_weight else {
        return Judged::Unlisted;
    };
    let value = value * type_weight;
    if signed {
        let weight = value as f32;
        return match weight.is_finite() {
            true => Judged::Good { weight, time },
            false => Judged::Bad(|report| &mut report.bad.weight_not_finite),
        };
    }
    if value <= 0.0 {
        return Judged::Seen { time };
    }
    // What is beyond `real` on either side counts like the last number that is not.
    Judged::Good { weight: value.clamp(f64::from(f32::from_bits(1)), f64::from(f32::MAX)) as f32, time }
}

/// The weight of a type: 1 where types have no weights, none for a type that is not listed.
fn weight_of_type(type_weights: &BTreeMap<String, f64>, name: Option<&str>) -> Option<f64> {
    if type_weights.is_empty() { Some(1.0) } else { type_weights.get(name?).copied() }
}

/// How events are read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Whether they keep their types.
    pub keep_types: bool,
    /// Whether weights are ratings, which may be zero or negative.
    pub signed: bool,
}

/// Reads all events. Stops with an error as soon as they take more than `memory` bytes.
pub fn read_all(
    columns: &EventColumns,
    type_weights: &BTreeMap<String, f64>,
    reading: Reading,
    memory: u64,
) -> Result<(RawEvents, ReadReport)> {
    let layout = layout(columns)?;
    let query = query_of(&columns.relation, &expressions(columns).join(", "), "", &[])?;
    let now = i64::from(clock_timestamp());
    let mut events = RawEvents::new(layout.user, layout.item, layout.time.is_some()).read_at(now);
    if reading.keep_types {
        events = events.typed();
    }
    let mut report = ReadReport::default();
    let (mut stopped, mut asked_at) = (None, None);
    query.run(&[], &mut |row: Row<'_>| {
        report.rows += 1;
        take_row(&row, &layout, type_weights, reading.signed, now, &mut events, &mut report);
        if report.rows % MEMORY_CHECK_ROWS == 1 {
            let taken = events.memory();
            if taken > memory {
                let what = format!("the first {} events alone take that much", report.rows);
                stopped = Some(SegrecError::Memory { needed: taken, allowed: memory, what });
            } else if asked_at != Some(taken) {
                // What grows doubles, while the half is there still.
                asked_at = Some(taken);
                let needed = 2 * taken + READING_AHEAD;
                stopped = limit_below(needed).map(|limit| SegrecError::NoMemory { needed, limit });
            }
        }
        stopped.is_none()
    })?;
    stopped.map_or(Ok((events, report)), Err)
}

/// How many rows there are.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// All.
    pub rows: i64,
    /// Those later than a moment and not in the future; none where events have no times.
    pub later: i64,
}

/// Counts the rows of everybody, and those later than `moment` (microseconds since 2000) and not in the future.
pub fn count(columns: &EventColumns, moment: i64) -> Result<Count> {
    let moment = TimestampWithTimeZone::try_from(moment)
        .map_err(|error| SegrecError::Internal(format!("a version's latest event has no time: {error}")))?;
    let later = match &columns.time {
        Some(column) => {
            let time = column.expression(ColumnRole::Time);
            format!("{time} OPERATOR(pg_catalog.>) $1 AND {time} OPERATOR(pg_catalog.<=) pg_catalog.now()")
        }
        None => "$1 IS NULL".to_owned(),
    };
    let what = format!("pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE {later})");
    let query = query_of(&columns.relation, &what, "", &[pg_sys::TIMESTAMPTZOID])?;
    let mut found = None;
    query.run(&[moment.into()], &mut |row| {
        found = row.integer(0).zip(row.integer(1));
        true
    })?;
    let (rows, later) = found.ok_or_else(|| SegrecError::Internal("a count gave no row".to_owned()))?;
    Ok(Count { rows, later })
}

/// How much there is to read: rows, users and items, and how the rows spread over items.
pub fn size(columns: &EventColumns) -> Result<([usize; 3], Spread)> {
    let [user, item] = [&columns.user, &columns.item].map(|column| column.expression(ColumnRole::Id));
    let what = format!("pg_catalog.count(*), pg_catalog.count(DISTINCT {user})");
    let mut counts = None;
    query_of(&columns.relation, &what, "", &[])?.run(&[], &mut |row| {
        counts = row.integer(0).zip(row.integer(1));
        true
    })?;
    let Some((rows, users)) = counts else {
        return Err(SegrecError::Internal("an aggregate gave no row".to_owned()));
    };
    // So many items have so many events: the counts of the groups are counted in turn.
    let rest = format!("WHERE {item} IS NOT NULL GROUP BY {item}");
    let (mut items, mut spread) = (0, BTreeMap::<u64, u64>::new());
    query_of(&columns.relation, "pg_catalog.count(*)", &rest, &[])?.run(&[], &mut |row| {
        items += 1;
        *spread.entry(row.integer(0).unwrap_or(0) as u64).or_default() += 1;
        true
    })?;
    let mut of_items = Spread::default();
    spread.into_iter().for_each(|(events, items)| of_items.add(items, events));
    Ok(([rows as usize, users as usize, items], of_items))
}

/// Judges what of an event is no id.
fn judge_row(row: &Row<'_>, layout: &Layout, type_weights: &BTreeMap<String, f64>, signed: bool) -> Judged {
    let type_weight = match layout.event_type {
        Some(column) => row
            .text(column, |name| weight_of_type(type_weights, Some(name)))
            .unwrap_or_else(|| weight_of_type(type_weights, None)),
        None => Some(1.0),
    };
    judge(
        layout.weight.map(|column| row.number(column)),
        layout.time.map(|column| row.integer(column)),
        type_weight,
        signed,
    )
}

fn is_listed(judged: &Judged) -> bool {
    matches!(judged, Judged::Good { .. } | Judged::Seen { .. })
}

fn take_row(
    row: &Row<'_>,
    layout: &Layout,
    type_weights: &BTreeMap<String, f64>,
    signed: bool,
    now: i64,
    events: &mut RawEvents,
    report: &mut ReadReport,
) {
    let judged = judge_row(row, layout, type_weights, signed);
    if let Some(column) = layout.event_type.filter(|_| !type_weights.is_empty() && is_listed(&judged)) {
        row.text(column, |name| report.notice_listed(name));
    }
    let pushed = with_id(row, 0, layout.user, |user| {
        with_id(row, 1, layout.item, |item| match judged {
            _ if is_too_long(user) => report.bad.long_user += 1,
            _ if is_too_long(item) => report.bad.long_item += 1,
            Judged::Good { weight, time } => {
                events.push(user, item, weight, time);
                report.future += u64::from(time > now);
                if let Some(column) = layout.event_type.filter(|_| events.keeps_types()) {
                    row.text(column, |name| events.set_type(name));
                }
            }
            Judged::Seen { time } => {
                events.push_seen(user, item, time);
                report.weightless += 1;
            }
            Judged::Unlisted => {
                let column = layout.event_type.unwrap_or_default();
                let told = row.text(column, |name| report.count_unlisted(Some(name)));
                told.unwrap_or_else(|| report.count_unlisted(None));
            }
            Judged::Bad(count) => *count(report) += 1,
        })
    });
    match pushed {
        None => report.bad.null_user += 1,
        Some(None) => report.bad.null_item += 1,
        Some(Some(())) => {}
    }
}

/// Whether an id cannot be stored.
pub fn is_too_long(id: Id<'_>) -> bool {
    matches!(id, Id::Text(text) if text.len() > LONGEST_ID)
}

/// Passes the id in a column to `f`; `None` where it is null.
pub fn with_id<T>(row: &Row<'_>, column: usize, kind: IdKind, f: impl FnOnce(Id<'_>) -> T) -> Option<T> {
    match kind {
        IdKind::Bigint => row.integer(column).map(|id| f(Id::Bigint(id))),
        IdKind::Uuid => row.uuid(column).map(|id| f(Id::Uuid(id))),
        IdKind::Text => row.text(column, |id| f(Id::Text(id))),
    }
}

/// One event of a user, in the user's own ids.
pub struct LiveEvent {
    /// The number of the item in the version.
    pub item: u32,
    /// Type weight × value; none where it counts nothing.
    pub weight: Option<f32>,
    /// Microseconds since 2000; 0 without times.
    pub time: i64,
}

/// Reads the events of one user.
pub struct LiveEvents {
    rows: LiveRows,
    layout: Layout,
    type_weights: BTreeMap<String, f64>,
    signed: bool,
}

impl LiveEvents {
    /// A query of a model's events that runs as whoever calls, with their rights and row-level security; none where no
    /// index makes it quick.
    pub fn new(
        model: &Model,
        source: &EventsSource,
        type_weights: BTreeMap<String, f64>,
        signed: bool,
    ) -> Result<Option<Self>> {
        let columns = relations::model_events(model, source)?;
        let relation = &columns.relation;
        if relation.is_out_of_reach || !relations::has_leading_index(relation.oid, &columns.user.name)? {
            return Ok(None);
        }
        let others = [&columns.weight, &columns.time, &columns.event_type].into_iter().flatten();
        let read = [&columns.user, &columns.item].into_iter().chain(others);
        let live = Live {
            relation: &columns.relation,
            user: &columns.user,
            kind: model.user_kind,
            columns: read.map(|column| column.name.as_str()).collect(),
            expressions: expressions(&columns),
        };
        let rows = LiveRows::new(&live, None)?;
        Ok(Some(Self { rows, layout: layout(&columns)?, type_weights, signed }))
    }

    /// Whether the relation and what is read of it are as they were.
    pub fn is_current(&self) -> bool {
        self.rows.is_current()
    }

    /// The usable events of a user on items that `number` knows; `None` where the caller cannot see them.
    pub fn of_user(
        &self,
        user: Id<'_>,
        number: &dyn Fn(Id<'_>) -> Option<u32>,
    ) -> Result<Option<Vec<LiveEvent>>> {
        let layout = &self.layout;
        let mut events = Vec::new();
        let seen = self.rows.of_user(user, &mut |row| {
            let Some(Some(item)) = with_id(row, 1, layout.item, number) else { return Ok(()) };
            match judge_row(row, layout, &self.type_weights, self.signed) {
                Judged::Good { weight, time } => events.push(LiveEvent { item, weight: Some(weight), time }),
                Judged::Seen { time } => events.push(LiveEvent { item, weight: None, time }),
                Judged::Unlisted | Judged::Bad(_) => {}
            }
            Ok(())
        })?;
        Ok(seen.then_some(events))
    }
}
