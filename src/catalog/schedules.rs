//! Schedules of trainings, the results of their runs, and the pg_cron jobs that trigger them. Jobs are read and changed
//! with the rights of the caller, who owns them.

use super::statement::{CatalogRow, as_owner, execute, only, query, write};
use crate::error::Result;
use crate::pg::security::rights::current_role;

/// The schedule of a model's automatic training.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The role that created it, and as which it runs.
    pub role: String,
    /// The id of the pg_cron job.
    pub job: i64,
    /// The minimum number of new events for a training.
    pub min_new_events: i64,
    /// Whether runs are suspended.
    pub paused: bool,
}

/// The schedule of a model, if any.
pub fn find(model_id: i64) -> Result<Option<Schedule>> {
    let found = as_owner(|| {
        query(
            "SELECT role::text, job, min_new_events, paused FROM segrec_catalog.schedules WHERE model_id = $1",
            &[model_id.into()],
            |row| {
                Ok(Schedule {
                    role: row.value(1)?,
                    job: row.value(2)?,
                    min_new_events: row.value(3)?,
                    paused: row.value(4)?,
                })
            },
        )
    })?;
    Ok(found.into_iter().next())
}

/// The name of the current role, quoted as in [`Schedule::role`].
pub fn current_role_name() -> Result<String> {
    only(query("SELECT $1::pg_catalog.regrole::pg_catalog.text", &[current_role().into()], |row| {
        row.value(1)
    })?)
}

/// Stores the schedule of a model for the current role, and resumes it.
pub fn set(model_id: i64, cron: &str, min_new_events: i64, job: i64) -> Result<()> {
    let role = current_role();
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.schedules (model_id, cron, min_new_events, role, job) \
             VALUES ($1, $2, $3, $4::regrole, $5) \
             ON CONFLICT (model_id) DO UPDATE SET cron = excluded.cron, min_new_events = excluded.min_new_events, \
                 role = excluded.role, job = excluded.job, paused = false",
            &[model_id.into(), cron.into(), min_new_events.into(), role.into(), job.into()],
        )
    })
}

/// Pauses or resumes a schedule.
pub fn set_paused(model_id: i64, paused: bool) -> Result<()> {
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.schedules SET paused = $2 WHERE model_id = $1",
            &[model_id.into(), paused.into()],
        )
    })
}

/// Deletes the schedule of a model; the records of its runs remain.
pub fn delete(model_id: i64) -> Result<()> {
    as_owner(|| execute("DELETE FROM segrec_catalog.schedules WHERE model_id = $1", &[model_id.into()]))
}

/// The result of a scheduled run.
#[derive(Clone, Debug)]
pub struct Run {
    /// `trained`, `skipped` or `failed`.
    pub outcome: &'static str,
    /// The number of events since the deployed version was trained, if known.
    pub new_events: Option<i64>,
    /// The version that was trained, if any.
    pub version: Option<i32>,
    /// The error message of a failed run.
    pub error: Option<String>,
}

/// Records a run that began with the transaction. Only the latest hundred per model are kept, since a job that runs
/// every minute would otherwise fill the table.
pub fn record(model_id: i64, run: Run) -> Result<()> {
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.schedule_runs (model_id, started_at, finished_at, outcome, new_events, version, error) \
             VALUES ($1, pg_catalog.now(), pg_catalog.clock_timestamp(), $2, $3, $4, $5)",
            &[
                model_id.into(),
                run.outcome.into(),
                run.new_events.into(),
                run.version.into(),
                run.error.into(),
            ],
        )?;
        execute(
            "DELETE FROM segrec_catalog.schedule_runs WHERE run_id IN ( \
                 SELECT run_id FROM segrec_catalog.schedule_runs WHERE model_id = $1 ORDER BY run_id DESC OFFSET 100)",
            &[model_id.into()],
        )
    })
}

/// The data a version was trained on, for counting newer events.
#[derive(Clone, Copy, Debug)]
pub struct TrainedOn {
    /// The number of rows read.
    pub rows: i64,
    /// The time of the latest event, in microseconds since 2000; 0 without times.
    pub latest: i64,
}

/// The data a version was trained on; `None` if it has no events.
pub fn trained_on(version_id: i64) -> Result<Option<TrainedOn>> {
    let found = as_owner(|| {
        query(
            "SELECT event_rows, anchor FROM segrec_catalog.versions \
             WHERE version_id = $1 AND event_rows IS NOT NULL AND anchor IS NOT NULL",
            &[version_id.into()],
            |row| Ok(TrainedOn { rows: row.value(1)?, latest: row.value(2)? }),
        )
    })?;
    Ok(found.into_iter().next())
}

/// The availability of pg_cron.
#[derive(Clone, Debug)]
pub struct Scheduler {
    /// Whether pg_cron is installed in this database.
    pub installed: bool,
    /// Whether the caller may use its schema.
    pub usable: bool,
    /// The database that pg_cron runs in, if the server has loaded it and the caller may know.
    pub home: Option<String>,
    pub database: String,
    /// The major version of the server.
    pub major: i32,
}

/// Determines the availability of pg_cron.
pub fn scheduler() -> Result<Scheduler> {
    only(query(
        "SELECT extension.oid IS NOT NULL, \
                COALESCE((SELECT pg_catalog.has_schema_privilege(oid, 'USAGE') \
                          FROM pg_catalog.pg_namespace WHERE nspname = 'cron'), false), \
                (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'cron.database_name'), pg_catalog.current_database()::text, \
                pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000 \
         FROM (VALUES (1)) AS one LEFT JOIN pg_catalog.pg_extension extension ON extension.extname = 'pg_cron'",
        &[],
        |row: CatalogRow<'_>| {
            Ok(Scheduler {
                installed: row.value(1)?,
                usable: row.value(2)?,
                home: row.get(3)?,
                database: row.value(4)?,
                major: row.value(5)?,
            })
        },
    )?)
}

/// Creates or changes the caller's job for a model, and returns its id.
pub fn start_job(model: &str, cron: &str) -> Result<i64> {
    only(write(
        "SELECT cron.schedule('pg_segrec: ' || $1, $2, pg_catalog.format('CALL segrec_catalog.run_schedule(%L)', $1))",
        &[model.into(), cron.into()],
        |row| row.value(1),
    )?)
}

/// Whether a job exists that the caller may remove. The caller must have USAGE on pg_cron's schema.
pub fn sees_job(job: i64) -> Result<bool> {
    let found =
        query("SELECT jobid FROM cron.job WHERE jobid = $1", &[job.into()], |row| row.value::<i64>(1))?;
    Ok(!found.is_empty())
}

/// Removes a job from pg_cron as the caller, who owns it.
pub fn stop_job(job: i64) -> Result<()> {
    execute("SELECT cron.unschedule($1::pg_catalog.int8)", &[job.into()])
}
