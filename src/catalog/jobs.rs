//! Trainings in the background: who asked for which, and how they ended.
//!
//! While its process lives it holds a lock on (the table, the job). A job that says it is running while nobody
//! holds that lock was ended by a shutdown or a crash. A job that waits has what its process will be told.

use super::statement::{as_owner, catalog_table, execute, only, query, write};
use crate::error::Result;
use crate::pg::executor::index_lookup::{Key, RowVersion, rows};
use crate::pg::executor::snapshot::NewSnapshot;
use crate::pg::process::lock::Shared;
use pgrx::pg_sys;

/// A job, where the caller may know of it.
#[derive(Clone, Debug)]
pub struct Job {
    /// The process, where it is running.
    pub pid: Option<i32>,
    /// Whether it waits for its turn.
    pub waiting: bool,
}

pub fn jobs_table() -> Result<pg_sys::Oid> {
    Ok(catalog_table(c"jobs")?.0)
}

/// The number of a new job.
pub fn take_number() -> Result<i64> {
    only(as_owner(|| {
        write("SELECT pg_catalog.nextval('segrec_catalog.jobs_job_seq')", &[], |row| row.value(1))
    })?)
}

/// The row of a job as it is now. It changes when the job begins: its process writes that down when it holds the job's lock.
pub fn row_now(job: i64) -> Result<Option<RowVersion>> {
    // No statement: at the levels of isolation above READ COMMITTED one sees what the transaction began with.
    let _snapshot = NewSnapshot::latest();
    let found = rows(jobs_table()?, Some((c"jobs_pkey", Key::Bigint(c"job", job))), 1, None);
    Ok(found.into_iter().next().map(|(version, _)| version))
}

/// Writes down that a job waits.
pub fn enqueue(job: i64, model_id: i64, role: u32, orders: &str) -> Result<()> {
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.jobs (job, model_id, role, state, started_at, orders) \
             VALUES ($1, $2, $3::oid, 'waiting', NULL, $4)",
            &[job.into(), model_id.into(), pg_sys::Oid::from(role).into(), orders.into()],
        )
    })
}

/// What the processes of the jobs that wait will be told, in the order of their numbers.
pub fn waiting() -> Result<Vec<String>> {
    let sql = "SELECT orders FROM segrec_catalog.jobs WHERE state = 'waiting' ORDER BY job";
    as_owner(|| query(sql, &[], |row| row.value(1)))
}

/// How many jobs of a role wait.
pub fn waiting_of(role: u32) -> Result<i64> {
    let found = as_owner(|| {
        query(
            "SELECT pg_catalog.count(*) FROM segrec_catalog.jobs WHERE state = 'waiting' AND role::oid = $1",
            &[pg_sys::Oid::from(role).into()],
            |row| row.value(1),
        )
    })?;
    Ok(found.into_iter().next().unwrap_or(0))
}

/// Whether a job is running: of a model, or any.
pub fn is_running(model_id: Option<i64>) -> Result<bool> {
    let found = as_owner(|| {
        query(
            "SELECT 1 FROM segrec_catalog.seen_jobs WHERE state = 'running' AND model_id = COALESCE($1, model_id) LIMIT 1",
            &[model_id.into()],
            |row| row.value::<i32>(1),
        )
    })?;
    Ok(!found.is_empty())
}

/// Takes back a job that waits; false where it waits no more.
pub fn take_back(job: i64) -> Result<bool> {
    let found = as_owner(|| {
        write(
            "UPDATE segrec_catalog.jobs SET state = 'cancelled', finished_at = pg_catalog.clock_timestamp(), orders = NULL \
             WHERE job = $1 AND state = 'waiting' RETURNING 1",
            &[job.into()],
            |row| row.value::<i32>(1),
        )
    })?;
    Ok(!found.is_empty())
}

/// How many jobs have a place of a role or of this database.
pub fn places_taken(of: Shared) -> Result<i64> {
    let (catalog, object) = of.address();
    let found = query(
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks \
         WHERE locktype = 'object' AND database = 0 AND classid = $1 AND objid = $2 AND objsubid > 0 AND granted",
        &[catalog.into(), object.into()],
        |row| row.value(1),
    )?;
    Ok(found.into_iter().next().unwrap_or(0))
}

/// Writes down that a job runs in this process, and how those of the same model ended that are running no more.
/// Gives the model's name; none where there is no such model, or the job waits no more.
pub fn begin(job: i64, model_id: i64, role: u32) -> Result<Option<String>> {
    as_owner(|| {
        // The model first, as a drop takes it before its jobs.
        let name = "SELECT name FROM segrec_catalog.models WHERE model_id = $1 FOR KEY SHARE";
        let Some(name) = write(name, &[model_id.into()], |row| row.value(1))?.into_iter().next() else {
            return Ok(None);
        };
        execute(
            "UPDATE segrec_catalog.jobs AS job SET state = seen.state, error = seen.error \
             FROM segrec_catalog.seen_jobs seen \
             WHERE seen.job = job.job AND job.model_id = $1 AND job.state <> seen.state",
            &[model_id.into()],
        )?;
        let waited = write(
            "UPDATE segrec_catalog.jobs SET state = 'running', pid = pg_catalog.pg_backend_pid(), \
                 started_at = pg_catalog.clock_timestamp(), orders = NULL \
             WHERE job = $1 AND state = 'waiting' RETURNING 1",
            &[job.into()],
            |row| row.value::<i32>(1),
        )?;
        let mut begun = !waited.is_empty();
        if !begun {
            // It was started at once, or it is there and waits no more.
            let new = write(
                "INSERT INTO segrec_catalog.jobs (job, model_id, role, pid) \
                 VALUES ($1, $2, $3::oid, pg_catalog.pg_backend_pid()) ON CONFLICT (job) DO NOTHING RETURNING 1",
                &[job.into(), model_id.into(), pg_sys::Oid::from(role).into()],
                |row| row.value::<i32>(1),
            )?;
            begun = !new.is_empty();
        }
        Ok(begun.then_some(name))
    })
}

/// Writes down how a job ended. Of each model the latest hundred are kept.
pub fn end(job: i64, state: &str, version: Option<i32>, error: Option<&str>) -> Result<()> {
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.jobs SET state = $2, version = $3, error = $4, orders = NULL, \
                 finished_at = pg_catalog.clock_timestamp() WHERE job = $1",
            &[job.into(), state.into(), version.into(), error.into()],
        )?;
        execute(
            "DELETE FROM segrec_catalog.jobs WHERE state NOT IN ('running', 'waiting') AND job IN ( \
                 SELECT other.job FROM segrec_catalog.jobs other \
                 JOIN segrec_catalog.jobs own USING (model_id) WHERE own.job = $1 \
                 ORDER BY other.job DESC OFFSET 100)",
            &[job.into()],
        )
    })
}

/// The job of that number, where the caller may train its model or asked for it.
pub fn find(job: i64) -> Result<Option<Job>> {
    let found = query(
        "SELECT CASE WHEN state = 'running' THEN pid END, state = 'waiting' FROM segrec_catalog.usable_jobs WHERE job = $1",
        &[job.into()],
        |row| Ok(Job { pid: row.get(1)?, waiting: row.value(2)? }),
    )?;
    Ok(found.into_iter().next())
}
