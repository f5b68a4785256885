//! The current events of one user.

use super::access::{self, Verdict};
use super::events::{Judged, Layout, counts_as_seen, expressions, judge_row, with_id};
use super::live_rows::{Live, LiveRows};
use super::relations::{self, EventColumns};
use crate::catalog::models::{EventsSource, Model};
use crate::error::Result;
use segrec_engine::interactions::{Id, SeenRule};
use std::collections::BTreeMap;

/// An event of one user.
pub struct LiveEvent {
    /// The number of the item.
    pub item: u32,
    /// The type's weight × the value; `None` if the event does not count.
    pub weight: Option<f32>,
    /// The time in microseconds since 2000; 0 without times.
    pub time: i64,
    /// Whether it makes the item count as seen.
    pub is_seen: bool,
}

/// Prepares the query for the events of one user; `None` if nothing leads to them.
fn rows_of_users(columns: &EventColumns) -> Result<Option<LiveRows>> {
    let Some(access) = access::to_value(&columns.relation, &columns.user.name)? else { return Ok(None) };
    let others = [&columns.weight, &columns.time, &columns.event_type].into_iter().flatten();
    let read = [&columns.user, &columns.item].into_iter().chain(others);
    let live = Live {
        relation: &columns.relation,
        key: &columns.user,
        kind: columns.kinds[0],
        columns: read.map(|column| column.name.as_str()).collect(),
        expressions: expressions(columns),
    };
    LiveRows::new(&live, access, None).map(Some)
}

/// What is judged of the plan that reads the events of one user; `None` if only an index of the relation would lead to them.
pub fn verdict(columns: &EventColumns) -> Result<Option<Verdict>> {
    rows_of_users(columns)?.map_or(Ok(None), |rows| rows.verdict())
}

/// Reads the events of one user.
pub struct LiveEvents {
    rows: LiveRows,
    layout: Layout,
    type_weights: BTreeMap<String, f64>,
    signed: bool,
}

impl LiveEvents {
    /// Prepares the query, which runs with the caller's rights and row-level security; `None` if nothing leads
    /// to the rows of a user.
    pub fn new(
        model: &Model,
        source: &EventsSource,
        type_weights: BTreeMap<String, f64>,
        signed: bool,
    ) -> Result<Option<Self>> {
        let columns = relations::model_events(model, source)?;
        let rows = rows_of_users(&columns)?;
        Ok(rows.map(|rows| Self { rows, layout: Layout::new(&columns), type_weights, signed }))
    }

    /// Whether the relation and its columns are unchanged.
    pub fn is_current(&self) -> bool {
        self.rows.is_current()
    }

    /// The usable events of a user on items that `number` knows, judged by what counts as seen; `None` if the caller may not see them.
    pub fn of_user(
        &self,
        user: Id<'_>,
        rule: &SeenRule,
        number: &dyn Fn(Id<'_>) -> Option<u32>,
    ) -> Result<Option<Vec<LiveEvent>>> {
        let layout = &self.layout;
        let mut events = Vec::new();
        let seen = self.rows.of_key(user, &mut |row| {
            let Some(Some(item)) = with_id(row, 1, layout.item, number) else { return Ok(()) };
            let is_seen = counts_as_seen(row, layout, rule);
            let unlisted = !rule.types.is_empty() && is_seen;
            match judge_row(row, layout, &self.type_weights, (self.signed, unlisted)) {
                Judged::Good { weight, time } => {
                    events.push(LiveEvent { item, weight: Some(weight), time, is_seen });
                }
                Judged::Seen { time } => events.push(LiveEvent { item, weight: None, time, is_seen }),
                Judged::Unlisted | Judged::Bad(_) => {}
            }
            Ok(())
        })?;
        Ok(seen.then_some(events))
    }
}
