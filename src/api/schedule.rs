//! `segrec_schedule`, `segrec_unschedule`, `segrec_pause_schedule`, `segrec_resume_schedule`, and the parts of the
//! procedure `segrec_run_schedule`, which commits: `sql/schema/procedures.sql`.

use crate::commands::schedules::{cron, schedule};
use crate::error::or_raise;
use crate::pg::datums::text::Text;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn segrec_schedule(model: Option<Text>, cron: Option<Text>, min_new_events: Option<i64>) {
    or_raise(schedule::schedule(model.as_deref(), cron.as_deref(), min_new_events));
}

#[pg_extern(sql = false)]
fn segrec_unschedule(model: Option<Text>) {
    or_raise(schedule::unschedule(model.as_deref()));
}

#[pg_extern(sql = false)]
fn segrec_pause_schedule(model: Option<Text>) {
    or_raise(schedule::pause(model.as_deref(), true));
}

#[pg_extern(sql = false)]
fn segrec_resume_schedule(model: Option<Text>) {
    or_raise(schedule::pause(model.as_deref(), false));
}

#[pg_extern(sql = false)]
fn next_run(expression: Text, after: i64) -> Option<i64> {
    cron::next(&expression, after) // a timestamp is the microseconds since 2000
}

#[pg_extern(sql = false)]
fn scheduler_timezone() -> Option<Text> {
    cron::timezone().map(Text)
}

#[pg_extern(sql = false)]
fn run_scheduled(model: Option<Text>, min_new_events: Option<i64>) {
    or_raise(schedule::run(model.as_deref(), min_new_events));
}

#[pg_extern(sql = false)]
fn record_failure(model: Option<Text>, error: Option<Text>) {
    or_raise(schedule::record_failure(model.as_deref(), error.as_deref()));
}
