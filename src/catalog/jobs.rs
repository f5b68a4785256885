//! Background trainings: who requested which, and how they ended.
//!
//! While the process of a job lives, it holds a lock on (the table, the job). A job marked as running without such a
//! lock was ended by a shutdown or a crash. A waiting job's row holds the order for its process.

use super::statement::{as_owner, catalog_table, execute, only, query, write};
use crate::error::Result;
use crate::pg::executor::index_lookup::{Key, RowVersion, rows};
use crate::pg::executor::snapshot::NewSnapshot;
use crate::pg::process::lock::Shared;
use pgrx::pg_sys;

/// A job that the caller may see.
#[derive(Clone, Debug)]
pub struct Job {
    /// The process, if the job is running.
    pub pid: Option<i32>,
    /// Whether it is queued.
    pub waiting: bool,
}

pub fn jobs_table() -> Result<pg_sys::Oid> {
    Ok(catalog_table(c"jobs")?.0)
}

/// Assigns the number of a new job.
pub fn take_number() -> Result<i64> {
    only(as_owner(|| {
        write("SELECT pg_catalog.nextval('segrec_catalog.jobs_job_seq')", &[], |row| row.value(1))
    })?)
}

/// The current version of a job's row. It changes when the job begins, because its process updates it once it holds the
/// job's lock.
pub fn row_now(job: i64) -> Result<Option<RowVersion>> {
    // Not a statement: above READ COMMITTED, that would see the snapshot with which the transaction began.
    let _snapshot = NewSnapshot::latest();
    let found = rows(jobs_table()?, Some((c"jobs_pkey", Key::Bigint(c"job", job))), 1, None);
    Ok(found.into_iter().next().map(|(version, _)| version))
}

/// Queues a job.
pub fn enqueue(job: i64, model_id: i64, role: u32, orders: &str) -> Result<()> {
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.jobs (job, model_id, role, state, started_at, orders) \
             VALUES ($1, $2, $3::oid, 'waiting', NULL, $4)",
            &[job.into(), model_id.into(), pg_sys::Oid::from(role).into(), orders.into()],
        )
    })
}

/// The orders of all queued jobs, by job number.
pub fn waiting() -> Result<Vec<String>> {
    let sql = "SELECT orders FROM segrec_catalog.jobs WHERE state = 'waiting' ORDER BY job";
    as_owner(|| query(sql, &[], |row| row.value(1)))
}

/// The number of queued jobs of a role.
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

/// The first job of a role that is queued for a model.
pub fn waiting_for(model_id: i64, role: u32) -> Result<Option<i64>> {
    let found = as_owner(|| {
        query(
            "SELECT job FROM segrec_catalog.jobs WHERE model_id = $1 AND state = 'waiting' AND role::oid = $2 \
             ORDER BY job LIMIT 1",
            &[model_id.into(), pg_sys::Oid::from(role).into()],
            |row| row.value(1),
        )
    })?;
    Ok(found.into_iter().next())
}

/// Whether a job is running, for a model or for any.
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

/// Removes a job from the queue; false if it is no longer queued.
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

/// The number of jobs that occupy a place of a role or of this database.
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

/// Records that a job runs in this process, and how dead jobs of the same model ended. Returns the name of the model;
/// `None` if the model does not exist, or the job is no longer queued.
pub fn begin(job: i64, model_id: i64, role: u32) -> Result<Option<String>> {
    as_owner(|| {
        // Lock the model first, in the same order as a drop.
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
            // The job was started at once, or it is still queued.
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

/// Records how a job ended. Only the latest hundred per model are kept.
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

/// Looks up a job that the caller requested, or whose model the caller may train.
pub fn find(job: i64) -> Result<Option<Job>> {
    let found = query(
        "SELECT CASE WHEN state = 'running' THEN pid END, state = 'waiting' FROM segrec_catalog.usable_jobs WHERE job = $1",
        &[job.into()],
        |row| Ok(Job { pid: row.get(1)?, waiting: row.value(2)? }),
    )?;
    Ok(found.into_iter().next())
}
