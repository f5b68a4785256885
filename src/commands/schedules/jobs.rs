//! `segrec_train_in_background`, `segrec_train_all` and `segrec_cancel`: start and cancel jobs. Their processes run
//! `crate::worker`; jobs that cannot begin at once are queued (`queue`).

use super::job_order::{Limits, Order};
use super::job_process::{Beginning, begin, may_begin};
use super::queue;
use crate::catalog::jobs;
use crate::catalog::models;
use crate::commands::access::privileges::{reads, refuse_here, trainable_here};
use crate::commands::models::options::check_options;
use crate::commands::training::deployment_decision::DeployPolicy;
use crate::error::{Result, SegrecError, notice};
use crate::pg::executor::snapshot::NewSnapshot;
use crate::pg::process::background::{self, Identity};
use crate::settings;
use segrec_engine::options::parse_options;

/// The maximum number of queued jobs per role and database, so that no role can flood the queue.
const MOST_WAITING: i64 = 100;

/// Starts a background training and returns the number of its job. If it cannot begin at once it is queued; queued jobs
/// begin in the order of their numbers.
pub fn start(model: Option<&str>, deploy: Option<&str>) -> Result<i64> {
    let deploy = DeployPolicy::parse(deploy)?;
    let model = trainable_here(model)?;
    let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
    check_options(&options, reads(&model))?;
    if models::is_uncommitted(model.id)? {
        return Err(SegrecError::ModelNotCommitted { model: model.name });
    }
    let order = ordered(model.id, deploy, Limits::here())?;
    let job = order.job;
    if jobs::waiting()?.is_empty() && may_begin(&order)? {
        match begin(&order)? {
            Beginning::Begun => return Ok(job),
            Beginning::Ended if may_begin(&order)? => {
                return Err(SegrecError::WorkerEnded { model: model.name });
            }
            // The last place was taken meanwhile, or there was no free background worker: queue the job.
            Beginning::Ended | Beginning::NoProcess => {}
        }
    }
    if jobs::waiting_of(order.identity.role)? >= MOST_WAITING {
        return Err(SegrecError::TooManyWaiting { most: MOST_WAITING });
    }
    models::keep(&model)?;
    jobs::enqueue(job, model.id, order.identity.role, &order.text()?)?;
    queue::wake_at_commit();
    Ok(job)
}

/// Queues a training of every model that the caller may train and whose name is LIKE the pattern, in the order of names.
/// Returns the names and the jobs; a model for which a job of the caller is waiting keeps that job. So a role has at most
/// one more job waiting for each model, and nothing begins if the transaction is rolled back.
pub fn start_all(pattern: Option<&str>, deploy: Option<&str>) -> Result<Vec<(String, i64)>> {
    refuse_here()?;
    let pattern = pattern.ok_or(SegrecError::NullArgument { argument: "pattern" })?;
    let deploy = DeployPolicy::parse(deploy)?;
    let mut requested = Vec::new();
    for name in models::trainable_like(pattern)? {
        let Some(model) = models::find(&name)? else { continue };
        match models::keep(&model) {
            // It was dropped meanwhile.
            Err(SegrecError::UnknownModel { .. }) => continue,
            kept => kept?,
        }
        let role = Identity::current().role;
        let job = match jobs::waiting_for(model.id, role)? {
            Some(job) => job,
            None => {
                let order = ordered(model.id, deploy, Limits::set())?;
                jobs::enqueue(order.job, model.id, role, &order.text()?)?;
                order.job
            }
        };
        requested.push((name, job));
    }
    match requested.is_empty() {
        true => notice(format!("you may train no model whose name is LIKE '{pattern}'"), None, None),
        false => queue::wake_at_commit(),
    }
    Ok(requested)
}

/// The order for a new job of the caller; an error if the caller may have none.
fn ordered(model_id: i64, deploy: DeployPolicy, limits: Limits) -> Result<Order> {
    let identity = Identity::current();
    if let Some((of, _)) = limits.each(identity.role).find(|(_, most)| *most == 0) {
        return Err(SegrecError::NoJobs { of });
    }
    let (memory, threads) = (settings::training_memory() >> 20, settings::threads());
    Ok(Order { job: jobs::take_number()?, model_id, identity, deploy, memory, threads, limits })
}

/// Cancels a job; true if it was running or queued.
pub fn cancel(job: Option<i64>) -> Result<bool> {
    let number = job.ok_or(SegrecError::NullArgument { argument: "job" })?;
    let mut job = jobs::find(number)?.ok_or(SegrecError::UnknownJob { job: number })?;
    if job.waiting {
        if jobs::take_back(number)? {
            return Ok(true);
        }
        // The job has begun meanwhile.
        let _snapshot = NewSnapshot::latest();
        job = jobs::find(number)?.ok_or(SegrecError::UnknownJob { job: number })?;
    }
    match job.pid {
        Some(pid) => background::cancel(pid),
        None => notice(format!("job {number} is not running"), None, None),
    }
    Ok(job.pid.is_some())
}
