//! Rows of events: the expressions to read them, and their validation. [`super::read_events`] reads those of all users,
//! [`super::live_events`] those of one user.

use super::read_report::ReadReport;
use super::relations::{ColumnRole, EventColumns};
use crate::error::LONGEST_ID;
use crate::pg::executor::row::ResultRow;
use segrec_engine::interactions::{Id, IdKind, SeenRule};
use std::collections::BTreeMap;

/// The positions of an event's parts in the columns of the query.
pub struct Layout {
    /// The type of user ids, which are in the first column.
    pub user: IdKind,
    /// The type of item ids, which are in the second column.
    pub item: IdKind,
    weight: Option<usize>,
    /// The column of times, if any.
    pub time: Option<usize>,
    /// The column of event types, if any.
    pub event_type: Option<usize>,
}

impl Layout {
    /// The layout of a query with the select list of [`expressions`].
    pub fn new(columns: &EventColumns) -> Self {
        let [user, item] = columns.kinds;
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
        Self { user, item, weight, time, event_type }
    }
}

/// The select list that reads an event, in the order of [`Layout`].
pub fn expressions(columns: &EventColumns) -> Vec<String> {
    let mut expressions =
        vec![columns.user.expression(ColumnRole::Id), columns.item.expression(ColumnRole::Id)];
    expressions.extend(columns.weight.iter().map(|column| column.expression(ColumnRole::Weight)));
    expressions.extend(columns.time.iter().map(|column| column.expression(ColumnRole::Time)));
    expressions.extend(columns.event_type.iter().map(|column| column.expression(ColumnRole::Type)));
    expressions
}

/// The result of validating an event: its weight and time, or why it cannot be used.
pub enum Judged {
    Good {
        weight: f32,
        time: i64,
    },
    /// The event has no weight, but its user has the item.
    Seen {
        time: i64,
    },
    Unlisted,
    Bad(fn(&mut ReadReport) -> &mut u64),
}

/// Validates the parts of an event other than ids. `None` is a part that the model does not have, `Some(None)` a null.
fn judge(
    weight: Option<Option<f64>>,
    time: Option<Option<i64>>,
    type_weight: Option<f64>,
    (signed, is_seen): (bool, bool),
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
        return if is_seen { Judged::Seen { time } } else { Judged::Unlisted };
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
    // Clamp values beyond the range of `real` to its limits.
    Judged::Good { weight: value.clamp(f64::from(f32::from_bits(1)), f64::from(f32::MAX)) as f32, time }
}

/// The weight of an event type: 1 if types have no weights, `None` if the type is not listed.
fn weight_of_type(type_weights: &BTreeMap<String, f64>, name: Option<&str>) -> Option<f64> {
    if type_weights.is_empty() { Some(1.0) } else { type_weights.get(name?).copied() }
}

/// Whether the type of an event makes its item count as seen.
pub fn counts_as_seen(row: &ResultRow<'_>, layout: &Layout, rule: &SeenRule) -> bool {
    rule.types.is_empty()
        || layout.event_type.is_some_and(|column| {
            row.text(column, |name| rule.counts(Some(name))).unwrap_or_else(|| rule.counts(None))
        })
}

/// Validates the parts of an event other than ids. An event of a type that is not listed has no weight if `is_seen`.
pub fn judge_row(
    row: &ResultRow<'_>,
    layout: &Layout,
    type_weights: &BTreeMap<String, f64>,
    (signed, is_seen): (bool, bool),
) -> Judged {
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
        (signed, is_seen),
    )
}

pub fn is_listed(judged: &Judged) -> bool {
    matches!(judged, Judged::Good { .. } | Judged::Seen { .. })
}

/// Whether an id is too long to be stored.
pub fn is_too_long(id: Id<'_>) -> bool {
    matches!(id, Id::Text(text) if text.len() > LONGEST_ID)
}

/// Passes the id in a column to `f`; `None` if it is null.
pub fn with_id<T>(
    row: &ResultRow<'_>,
    column: usize,
    kind: IdKind,
    f: impl FnOnce(Id<'_>) -> T,
) -> Option<T> {
    match kind {
        IdKind::Bigint => row.integer(column).map(|id| f(Id::Bigint(id))),
        IdKind::Uuid => row.uuid(column).map(|id| f(Id::Uuid(id))),
        IdKind::Text => row.text(column, |id| f(Id::Text(id))),
    }
}
