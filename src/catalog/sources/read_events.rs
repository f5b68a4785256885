//! Reads the events of all users with the caller's rights, streamed into the engine.

use super::events::{
    Judged, Layout, counts_as_seen, expressions, is_listed, is_too_long, judge_row, with_id,
};
use super::queries::{Clauses, query_of};
use super::read_report::ReadReport;
use super::relations::EventColumns;
use crate::error::{Result, SegrecError};
use crate::pg::executor::row::ResultRow;
use crate::pg::process::memory::limit_below;
use pgrx::datum::clock_timestamp;
use segrec_engine::interactions::{RawEvents, SeenRule};
use std::collections::BTreeMap;

/// Rows between two checks of the memory in use.
const MEMORY_CHECK_ROWS: u64 = 1 << 16;
/// The maximum number of bytes that these rows take, unless their ids are long texts.
const READING_AHEAD: u64 = 32 << 20;

/// How events are read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Whether to keep the types of events.
    pub keep_types: bool,
    /// Whether weights are ratings, which may be zero or negative.
    pub signed: bool,
    /// What counts as seen.
    pub seen: SeenRule,
}

/// Reads all events. Fails as soon as they take more than `memory` bytes.
pub fn read_all(
    columns: &EventColumns,
    type_weights: &BTreeMap<String, f64>,
    reading: ReadOptions,
    memory: u64,
) -> Result<(RawEvents, ReadReport)> {
    let layout = Layout::new(columns);
    let query = query_of(&columns.relation, &expressions(columns).join(", "), Clauses::default(), &[])?;
    let now = i64::from(clock_timestamp());
    let mut events = RawEvents::new(layout.user, layout.item, layout.time.is_some()).read_at(now);
    events = events.seen_by(reading.seen.clone());
    if reading.keep_types {
        events = events.typed();
    }
    let mut report = ReadReport::default();
    let (mut stopped, mut asked_at) = (None, None);
    query.run(&[], &mut |row: ResultRow<'_>| {
        report.rows += 1;
        take_row(&row, &layout, type_weights, &reading, now, &mut events, &mut report);
        if report.rows % MEMORY_CHECK_ROWS == 1 {
            let taken = events.memory();
            if taken > memory {
                let what = format!("the first {} events alone require that much", report.rows);
                stopped = Some(SegrecError::Memory { needed: taken, allowed: memory, what });
            } else if asked_at != Some(taken) {
                // Growing a vector doubles it while the old half still exists.
                asked_at = Some(taken);
                let needed = 2 * taken + READING_AHEAD;
                stopped = limit_below(needed).map(|limit| SegrecError::NoMemory { needed, limit });
            }
        }
        stopped.is_none()
    })?;
    stopped.map_or(Ok((events, report)), Err)
}

fn take_row(
    row: &ResultRow<'_>,
    layout: &Layout,
    type_weights: &BTreeMap<String, f64>,
    reading: &ReadOptions,
    now: i64,
    events: &mut RawEvents,
    report: &mut ReadReport,
) {
    let names_types = !reading.seen.types.is_empty();
    let is_seen = counts_as_seen(row, layout, &reading.seen);
    let judged = judge_row(row, layout, type_weights, (reading.signed, names_types && is_seen));
    let has_names = names_types || !type_weights.is_empty();
    if let Some(column) = layout.event_type.filter(|_| has_names && is_listed(&judged)) {
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
                if !is_seen {
                    events.set_unseen(false);
                }
            }
            Judged::Seen { time } => {
                events.push_seen(user, item, time);
                if !is_seen {
                    events.set_unseen(true);
                }
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
