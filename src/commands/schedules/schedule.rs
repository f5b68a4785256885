//! `segrec_schedule` and related functions: pg_cron, or any other scheduler, calls `segrec_run_schedule`, which trains
//! if there are enough new events.

use super::queue;
use crate::catalog::jobs;
use crate::catalog::models::{self, Model};
use crate::catalog::schedules::{self, Run, Schedule, Scheduler};
use crate::catalog::sources::{count_events, relations};
use crate::commands::access::privileges::trainable_here;
use crate::commands::training::train::{deployed_version, train};
use crate::commands::versions::refresh_items::{MOST_WITHDRAWN, refresh_items};
use crate::error::{Result, SegrecError, notice};

/// Schedules trainings of a model by a cron expression; each run requires `min_new_events` new events.
pub fn schedule(model: Option<&str>, cron: Option<&str>, min_new_events: Option<i64>) -> Result<()> {
    let model = trainable_here(model)?;
    models::keep(&model)?;
    let cron = cron.ok_or(SegrecError::NullArgument { argument: "cron" })?;
    let least = min_new_events.ok_or(SegrecError::NullArgument { argument: "min_new_events" })?;
    check_least(least)?;
    let scheduler = schedules::scheduler()?;
    if !scheduler.installed {
        let Scheduler { database, home, major, .. } = scheduler;
        return Err(SegrecError::NoScheduler { database, home, major });
    }
    // Without USAGE on its schema, calling pg_cron raises PostgreSQL's own error.
    if let Some(before) = schedules::find(model.id)?
        && scheduler.usable
        && before.role != schedules::current_role_name()?
        && !end_job(&before, &scheduler)?
    {
        return Err(SegrecError::ScheduledByOther { model: model.name, role: before.role, job: before.job });
    }
    let job = schedules::start_job(&model.name, cron)?;
    schedules::set(model.id, cron, least, job)
}

fn check_least(least: i64) -> Result<()> {
    if least < 0 { Err(SegrecError::InvalidMinimum { value: least }) } else { Ok(()) }
}

/// Removes the pg_cron job of a schedule; false if it belongs to another role.
fn end_job(schedule: &Schedule, scheduler: &Scheduler) -> Result<bool> {
    if !scheduler.usable || !schedules::sees_job(schedule.job)? {
        return Ok(false);
    }
    schedules::stop_job(schedule.job)?;
    Ok(true)
}

fn scheduled(model: Option<&str>) -> Result<(Model, Schedule)> {
    let model = trainable_here(model)?;
    match schedules::find(model.id)? {
        Some(schedule) => Ok((model, schedule)),
        None => Err(SegrecError::NotScheduled { model: model.name }),
    }
}

/// Removes the schedule of a model.
pub fn unschedule(model: Option<&str>) -> Result<()> {
    let (model, _) = scheduled(model)?;
    forget(&model)
}

/// Removes the schedule of a model, if it has one. A pg_cron job of another role is kept; its runs find no schedule and
/// report that.
pub fn forget(model: &Model) -> Result<()> {
    let Some(schedule) = schedules::find(model.id)? else {
        return Ok(());
    };
    schedules::delete(model.id)?;
    let scheduler = schedules::scheduler()?;
    if scheduler.installed && !end_job(&schedule, &scheduler)? {
        notice(
            format!("pg_cron job {} was not unscheduled", schedule.job),
            Some(format!("The schedule of model \"{}\" was created by role {}.", model.name, schedule.role)),
            Some(format!("As that role, run SELECT cron.unschedule({}).", schedule.job)),
        );
    }
    Ok(())
}

/// Pauses or resumes a schedule; runs of a paused schedule do nothing.
pub fn pause(model: Option<&str>, paused: bool) -> Result<()> {
    let (model, _) = scheduled(model)?;
    schedules::set_paused(model.id, paused)
}

/// A scheduled run: trains if there are at least `min_new_events` new events, by default the number in the schedule,
/// and records the result.
pub fn run(model: Option<&str>, min_new_events: Option<i64>) -> Result<()> {
    let model = trainable_here(model)?;
    let schedule = schedules::find(model.id)?;
    if schedule.as_ref().is_some_and(|schedule| schedule.paused) {
        notice(
            format!("the schedule of model \"{}\" is paused", model.name),
            None,
            Some(format!("To resume it, run SELECT segrec_resume_schedule('{}').", quoted(&model.name))),
        );
        return Ok(());
    }
    if let (None, Some(schedule)) = (min_new_events, &schedule)
        && schedule.role != schedules::current_role_name()?
    {
        // Jobs can outlive their schedule, or belong to a dropped model of the same name.
        notice(
            format!(
                "model \"{}\" was not trained: its schedule belongs to role {}",
                model.name, schedule.role
            ),
            Some("A pg_cron job created by another role for an earlier schedule may still exist.".to_owned()),
            Some("Unschedule that job with cron.unschedule as the role that it runs as; to train now, call segrec_train.".to_owned()),
        );
        return Ok(());
    }
    let least = match min_new_events.or(schedule.map(|schedule| schedule.min_new_events)) {
        Some(least) => least,
        None => return Err(SegrecError::NotScheduled { model: model.name }),
    };
    check_least(least)?;
    let new_events = new_events(&model)?;
    if let Some(found) = new_events.filter(|found| *found < least) {
        notice(
            format!(
                "model \"{}\" was not trained: there are {found} new events, fewer than {least}",
                model.name
            ),
            None,
            None,
        );
        models::keep(&model)?;
        if model.items.is_some() && model.deployed_version_id.is_some() {
            refresh_items(Some(&model.name), Some(MOST_WITHDRAWN))?;
        }
        return schedules::record(
            model.id,
            Run { outcome: "skipped", new_events, version: None, error: None },
        );
    }
    // Start queued jobs, in case no other process has.
    if !jobs::waiting()?.is_empty() {
        queue::wake_at_commit();
    }
    let trained = train(Some(&model.name), Some("if_better"))?;
    let version = Some(trained.version);
    schedules::record(model.id, Run { outcome: "trained", new_events, version, error: None })
}

fn quoted(name: &str) -> String {
    name.replace('\'', "''")
}

/// A lower bound of the number of new rows since the deployed version was trained: those later than its latest event,
/// or the growth of the table, whichever is larger. The former misses late events, the latter is reduced by deletions.
/// `None` if no version is deployed, or the model has no events.
fn new_events(model: &Model) -> Result<Option<i64>> {
    let (Some(source), Some(version)) = (&model.events, deployed_version(model)?) else {
        return Ok(None);
    };
    let Some(known) = schedules::trained_on(version.version_id)? else {
        return Ok(None);
    };
    let columns = relations::model_events(model, source)?;
    let now = count_events::count(&columns, known.latest)?;
    Ok(Some(now.later.max(now.rows - known.rows).max(0)))
}

/// Records why a run failed, after it was rolled back. Does nothing if the caller may not train the model or it is
/// gone.
pub fn record_failure(model: Option<&str>, error: Option<&str>) -> Result<()> {
    match trainable_here(model).and_then(|model| models::keep(&model).map(|()| model)) {
        Ok(model) => {
            let error = error.map(str::to_owned);
            schedules::record(model.id, Run { outcome: "failed", new_events: None, version: None, error })
        }
        Err(
            SegrecError::UnknownModel { .. }
            | SegrecError::NotTrainer { .. }
            | SegrecError::NullArgument { .. },
        ) => Ok(()),
        Err(error) => Err(error),
    }
}
