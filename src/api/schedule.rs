//! `segrec_schedule`, `segrec_unschedule`, `segrec_pause_schedule`, `segrec_resume_schedule`, and the parts of the
//! procedure `segrec_run_schedule`, which commits. SQL declares these by hand: `sql/schema/functions.sql`.

use crate::commands::{cron, schedule};
use crate::error::or_raise;
use pgrx::prelude::*;

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_schedule(model: Option<&str>, cron: Option<&str>, min_new_events: default!(Option<i64>, "1")) {
    or_raise(schedule::schedule(model, cron, min_new_events));
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_unschedule(model: Option<&str>) {
    or_raise(schedule::unschedule(model));
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_pause_schedule(model: Option<&str>) {
    or_raise(schedule::pause(model, true));
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_resume_schedule(model: Option<&str>) {
    or_raise(schedule::pause(model, false));
}

#[pg_extern(sql = false)]
fn next_run(expression: &str, after: Timestamp) -> Option<Timestamp> {
    Timestamp::try_from(cron::next(expression, after.into())?).ok()
}

#[pg_extern(sql = false)]
fn scheduler_timezone() -> Option<String> {
    cron::timezone()
}

#[pg_extern(sql = false)]
fn run_scheduled(model: Option<&str>, min_new_events: Option<i64>) {
    or_raise(schedule::run(model, min_new_events));
}

#[pg_extern(sql = false)]
fn record_failure(model: Option<&str>, error: Option<&str>) {
    or_raise(schedule::record_failure(model, error));
}
