//! The events of all users that came after a moment, read with the caller's rights by an index on the time.

use super::access;
use super::events::{Judged, Layout, expressions, judge_row, with_id};
use super::growing_column::GrowingColumn;
use super::live_rows::{Live, LiveRows};
use super::relations;
use crate::catalog::models::{EventsSource, Model};
use crate::error::Result;
use crate::pg::datums::id_text::id_text;
use segrec_engine::interactions::Id;
use segrec_engine::scorers::popular_now::RecentEvent;
use std::collections::BTreeMap;

/// Reads events in the order of their times.
pub struct RecentEvents {
    rows: LiveRows,
    grows: GrowingColumn,
    layout: Layout,
    type_weights: BTreeMap<String, f64>,
    signed: bool,
}

/// Events that came after others.
pub struct Recent {
    /// The time of the last row that was read.
    pub newest: i64,
    /// The events that count; segments are not known yet.
    pub events: Vec<RecentEvent>,
    /// Their users, if these were asked for.
    pub users: Vec<String>,
    /// Whether there may be more.
    pub is_partial: bool,
}

impl RecentEvents {
    /// Prepares the query, which reads at most `most` rows at once; `None` without times, or if
    /// nothing has them in order.
    pub fn new(
        model: &Model,
        source: &EventsSource,
        type_weights: BTreeMap<String, f64>,
        signed: bool,
        most: u32,
    ) -> Result<Option<Self>> {
        let columns = relations::model_events(model, source)?;
        let Some(grows) = columns.time.clone().and_then(GrowingColumn::new) else { return Ok(None) };
        let relation = &columns.relation;
        let Some(access) = access::in_order(relation, grows.name())? else { return Ok(None) };
        let others = [&columns.weight, &columns.time, &columns.event_type].into_iter().flatten();
        let read = [&columns.user, &columns.item].into_iter().chain(others);
        let live = Live {
            relation,
            key: &columns.item,
            kind: source.item_kind,
            columns: read.map(|column| column.name.as_str()).collect(),
            expressions: expressions(&columns),
        };
        let rows = LiveRows::beyond(&live, access, &grows, most)?;
        Ok(Some(Self { rows, grows, layout: Layout::new(&columns), type_weights, signed }))
    }

    /// Whether which rows the caller sees may depend on more than the role and what is stored, so that they are not kept.
    pub fn depends_on_session(&self) -> Result<bool> {
        self.rows.depends_on_session()
    }

    /// Whether the relation and its columns are unchanged.
    pub fn is_current(&self) -> bool {
        self.rows.is_current()
    }

    /// The first events after the time `newest` and not after `now`, on items that `number` knows; `None` if there are none,
    /// or the caller may not read them. Of rows of one moment none are read after others were.
    pub fn after(
        &self,
        newest: i64,
        now: i64,
        (most, with_users): (u32, bool),
        number: &dyn Fn(Id<'_>) -> Option<u32>,
    ) -> Result<Option<Recent>> {
        let Some(argument) = self.grows.argument(newest) else { return Ok(None) };
        let mut recent = Recent { newest, events: Vec::new(), users: Vec::new(), is_partial: false };
        let mut rows = 0;
        self.rows.rows_while(&[argument], &mut |row| {
            let layout = &self.layout;
            // Rows come in the order of their times, so none after this one is of the past.
            let Some(time) = layout.time.and_then(|column| row.integer(column)).filter(|time| *time <= now)
            else {
                return Ok(false);
            };
            rows += 1;
            recent.newest = recent.newest.max(time);
            let item = with_id(row, 1, layout.item, number).flatten();
            let judged = judge_row(row, layout, &self.type_weights, (self.signed, false));
            let user = with_id(row, 0, layout.user, |id| with_users.then(|| id_text(id)));
            if let (Some(item), Some(user), Judged::Good { .. }) = (item, user, judged) {
                recent.events.push(RecentEvent { item, time, segment: None });
                recent.users.extend(user);
            }
            Ok(true)
        })?;
        recent.is_partial = rows >= most;
        Ok((recent.newest > newest).then_some(recent))
    }
}
