//! Trainings in the background: `segrec_train_in_background`, `segrec_train_all`, `segrec_cancel`, and what the view
//! `segrec.training_progress` reads (declared in `sql/schema/views.sql`, before the view).

use crate::commands::schedules::jobs;
use crate::commands::training::progress;
use crate::error::or_raise;
use crate::pg::datums::text::Text;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn segrec_train_in_background(model: Option<Text>, deploy: Option<Text>) -> i64 {
    or_raise(jobs::start(model.as_deref(), deploy.as_deref()))
}

#[pg_extern(sql = false)]
fn segrec_train_all(
    pattern: Option<Text>,
    deploy: Option<Text>,
) -> TableIterator<'static, (name!(model, Text), name!(job, i64))> {
    let requested = or_raise(jobs::start_all(pattern.as_deref(), deploy.as_deref()));
    TableIterator::new(requested.into_iter().map(|(model, job)| (model.into(), job)))
}

#[pg_extern(sql = false)]
fn segrec_cancel(job: Option<i64>) -> bool {
    or_raise(jobs::cancel(job))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn progress_reports() -> TableIterator<
    'static,
    (
        name!(pid, i32),
        name!(model_id, i64),
        name!(job, Option<i64>),
        name!(phase, Text),
        name!(share, f64),
        name!(message, Text),
        name!(started, i64),
        name!(memory, i64),
    ),
> {
    let reports = or_raise(progress::reports());
    TableIterator::new(reports.into_iter().map(|(pid, report)| {
        let progress::ProgressReport { model_id, job, phase, share, message, started, memory } = report;
        (pid, model_id, job, phase.into(), share, message.into(), started, memory)
    }))
}
