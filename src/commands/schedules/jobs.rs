//! `segrec_train_in_background` and `segrec_cancel`: start and cancel jobs. Their processes run `crate::worker`; jobs
//! that cannot begin at once are queued (`queue`).

use super::job_order::{Limits, Order};
use super::job_process::{Beginning, begin, may_begin};
use super::queue;
use crate::catalog::jobs;
use crate::catalog::models;
use crate::commands::access::privileges::{reads, trainable_here};
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
    let memory = settings::training_memory() >> 20;
    let identity = Identity::current();
    let limits = Limits::here();
    if let Some((of, _)) = limits.each(identity.role).find(|(_, most)| *most == 0) {
        return Err(SegrecError::NoJobs { of });
    }
    let job = jobs::take_number()?;
    let threads = settings::threads();
    let order = Order { job, model_id: model.id, identity, deploy, memory, threads, limits };
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
