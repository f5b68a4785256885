//! The events of all users within a window of time, read once with the caller's rights: by an index on the time where there is
//! one, else all of them are looked at.

use super::events::{Judged, Layout, expressions, judge_row, with_id};
use super::growing_column::GrowingColumn;
use super::live_rows::{Live, LiveRows};
use super::relations;
use crate::catalog::models::{EventsSource, Model};
use crate::error::Result;
use pgrx::pg_sys;
use segrec_engine::interactions::Id;
use std::collections::BTreeMap;

/// Reads the events after a moment.
pub struct WindowEvents {
    rows: LiveRows,
    /// The column of times, if it is compared in the query.
    compared: Option<GrowingColumn>,
    layout: Layout,
    type_weights: BTreeMap<String, f64>,
    signed: bool,
}

impl WindowEvents {
    /// Prepares the query for a model whose events have times.
    pub fn new(
        model: &Model,
        source: &EventsSource,
        type_weights: BTreeMap<String, f64>,
        signed: bool,
    ) -> Result<Self> {
        let columns = relations::model_events(model, source)?;
        let compared = columns.time.clone().and_then(GrowingColumn::new);
        let compared = compared.filter(|column| column.parameter() != pg_sys::INT8OID);
        let others = [&columns.weight, &columns.time, &columns.event_type].into_iter().flatten();
        let read = [&columns.user, &columns.item].into_iter().chain(others);
        let live = Live {
            relation: &columns.relation,
            key: &columns.item,
            kind: source.item_kind,
            columns: read.map(|column| column.name.as_str()).collect(),
            expressions: expressions(&columns),
        };
        let rows = LiveRows::since(&live, compared.as_ref())?;
        Ok(Self { rows, compared, layout: Layout::new(&columns), type_weights, signed })
    }

    /// Passes the user, the item and the time (microseconds) of every event that counts, is later than `since` and not later
    /// than `now` to `each`. Raises PostgreSQL's own error if the caller may not read them.
    pub fn read(
        &self,
        (since, now): (i64, i64),
        each: &mut dyn FnMut(Id<'_>, Id<'_>, i64) -> Result<()>,
    ) -> Result<()> {
        let argument = self.compared.as_ref().map(|column| column.argument(since));
        let arguments = match argument {
            Some(Some(argument)) => vec![argument],
            Some(None) => return Ok(()),
            None => Vec::new(),
        };
        let layout = &self.layout;
        self.rows.required_rows(&arguments, &mut |row| {
            let time = layout.time.and_then(|column| row.integer(column));
            let Some(time) = time.filter(|time| since < *time && *time <= now) else { return Ok(true) };
            if !matches!(
                judge_row(row, layout, &self.type_weights, (self.signed, false)),
                Judged::Good { .. }
            ) {
                return Ok(true);
            }
            let passed = with_id(row, 0, layout.user, |user| {
                with_id(row, 1, layout.item, |item| each(user, item, time))
            });
            passed.flatten().unwrap_or(Ok(()))?;
            Ok(true)
        })?;
        Ok(())
    }
}
