//! `segrec_train_in_background` and `segrec_cancel`: jobs are started and stopped here, `crate::worker` does them.

use super::access::trainable_here;
use super::options::check_options;
use super::verdict::Deploy;
use crate::catalog::jobs::{self, jobs_table};
use crate::catalog::models;
use crate::error::{Result, SegrecError, notice};
use crate::pg::background::{self, Identity};
use crate::pg::lock::{Until, try_lock, unlock};
use crate::settings;
use segrec_engine::recipe::parse_options;
use std::str::FromStr;
use std::time::Duration;

/// The function of our library that a job's process calls.
pub const FUNCTION: &str = "segrec_background_training";
/// Between two looks whether a job has begun.
const POLL: Duration = Duration::from_millis(5);

/// What a process is told: numbers and a word, so that it fits in 127 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The job.
    pub job: i64,
    /// Its model.
    pub model_id: i64,
    /// Who asked.
    pub identity: Identity,
    /// When to deploy.
    pub deploy: Deploy,
    /// Bytes it may take, in MB.
    pub memory: u64,
    /// Threads.
    pub threads: usize,
}

impl Order {
    /// As text.
    pub fn text(&self) -> String {
        let Self { job, model_id, identity: Identity { role, connects }, deploy, memory, threads } = self;
        format!("{job} {model_id} {role} {connects} {} {memory} {threads}", deploy.name())
    }

    /// From text.
    pub fn parse(text: &str) -> Result<Self> {
        let mut words = text.split(' ');
        let mut next = || words.next().unwrap_or_default();
        Ok(Self {
            job: number(next())?,
            model_id: number(next())?,
            identity: Identity { role: number(next())?, connects: number(next())? },
            deploy: Deploy::parse(Some(next()))?,
            memory: number(next())?,
            threads: number(next())?,
        })
    }
}

fn number<T: FromStr>(word: &str) -> Result<T> {
    word.parse().map_err(|_| SegrecError::Internal(format!("a job's order has {word:?} for a number")))
}

/// Starts a training in a process of its own; gives the job.
pub fn start(model: Option<&str>, deploy: Option<&str>) -> Result<i64> {
    let deploy = Deploy::parse(deploy)?;
    let model = trainable_here(model)?;
    let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
    check_options(&options, super::access::reads(&model))?;
    if models::is_uncommitted(model.id)? {
        return Err(SegrecError::ModelNotCommitted { model: model.name });
    }
    let job = jobs::take_number()?;
    let memory = settings::training_memory() >> 20;
    let order = Order {
        job,
        model_id: model.id,
        identity: Identity::current(),
        deploy,
        memory,
        threads: settings::threads(),
    };
    let started = background::start(FUNCTION, &order.text()).ok_or(SegrecError::NoWorker)?;
    // The job's process writes its row down, and then holds the job's lock as long as it lives.
    let table = jobs_table()?;
    loop {
        let alive = started.is_alive();
        if !try_lock(table, job, Until::SessionEnds) {
            return Ok(job);
        }
        unlock(table, job, Until::SessionEnds);
        if !alive {
            // It may have done all of it meanwhile.
            return match jobs::find(job)? {
                Some(_) => Ok(job),
                None => Err(SegrecError::WorkerEnded { model: model.name }),
            };
        }
        std::thread::sleep(POLL);
        pgrx::check_for_interrupts!();
    }
}

/// Stops a job; true where it was running.
pub fn cancel(job: Option<i64>) -> Result<bool> {
    let number = job.ok_or(SegrecError::NullArgument { argument: "job" })?;
    let job = jobs::find(number)?.ok_or(SegrecError::UnknownJob { job: number })?;
    if job.running {
        background::cancel(job.pid);
    } else {
        notice(format!("job {number} is not running"), None, None);
    }
    Ok(job.running)
}
