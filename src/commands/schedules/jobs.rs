//! `segrec_train_in_background` and `segrec_cancel`: jobs are asked for and stopped here, `crate::worker` does them, and
//! those that cannot begin at once wait (`queue`).

use super::queue;
use crate::catalog::jobs::{self, jobs_table};
use crate::catalog::models;
use crate::commands::access::privileges::trainable_here;
use crate::commands::models::options::check_options;
use crate::commands::training::deployment_decision::DeployPolicy;
use crate::error::{Result, SegrecError, notice};
use crate::pg::executor::snapshot::NewSnapshot;
use crate::pg::process::background::{self, Identity};
use crate::pg::process::lock::{Shared, Until, take_place, try_lock};
use crate::pg::security::rights::is_superuser;
use crate::settings;
use segrec_engine::options::parse_options;
use std::str::FromStr;
use std::time::Duration;

/// The function of our library that a job's process calls.
pub const FUNCTION: &str = "segrec_background_training";
/// As many jobs of a role wait in a database at most: nobody fills the queue.
const MOST_WAITING: i64 = 100;
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
    pub deploy: DeployPolicy,
    /// Bytes it may take, in MB.
    pub memory: u64,
    /// Threads.
    pub threads: usize,
    /// How many jobs there may be beside it.
    pub limits: Limits,
}

/// How many jobs may run at once; none where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of a role.
    pub role: Option<u16>,
    /// Of this database.
    pub database: Option<u16>,
}

impl Limits {
    /// Those of the current role. Like PostgreSQL's limits of connections they do not hold for superusers.
    fn here() -> Self {
        match is_superuser() {
            true => Self::default(),
            false => Self { role: settings::jobs_per_role(), database: settings::jobs() },
        }
    }

    /// Each with what it limits.
    fn each(self, role: u32) -> impl Iterator<Item = (Shared, u16)> {
        let limits = [(Shared::Role(role.into()), self.role), (Shared::Database, self.database)];
        limits.into_iter().filter_map(|(of, most)| Some((of, most?)))
    }
}

impl Order {
    /// As text.
    pub fn text(&self) -> String {
        let Self { job, model_id, identity: Identity { role, connects }, deploy, memory, threads, limits } =
            self;
        let [of_role, of_database] = [limits.role, limits.database].map(|most| most.map_or(-1, i32::from));
        let deploy = deploy.name();
        format!("{job} {model_id} {role} {connects} {deploy} {memory} {threads} {of_role} {of_database}")
    }

    /// From text.
    pub fn parse(text: &str) -> Result<Self> {
        let mut words = text.split(' ');
        let mut next = || words.next().unwrap_or_default();
        Ok(Self {
            job: number(next())?,
            model_id: number(next())?,
            identity: Identity { role: number(next())?, connects: number(next())? },
            deploy: DeployPolicy::parse(Some(next()))?,
            memory: number(next())?,
            threads: number(next())?,
            limits: Limits { role: number(next()).ok(), database: number(next()).ok() },
        })
    }
}

fn number<T: FromStr>(word: &str) -> Result<T> {
    word.parse().map_err(|_| SegrecError::Internal(format!("a job's order has {word:?} for a number")))
}

/// Has a training done in a process of its own; gives the job. Where it cannot begin at once it waits for its turn, which
/// comes in the order of the numbers.
pub fn start(model: Option<&str>, deploy: Option<&str>) -> Result<i64> {
    let deploy = DeployPolicy::parse(deploy)?;
    let model = trainable_here(model)?;
    let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
    check_options(&options, crate::commands::access::privileges::reads(&model))?;
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
            // Others have taken the last place meanwhile, or there was none for another process.
            Beginning::Ended | Beginning::NoProcess => {}
        }
    }
    if jobs::waiting_of(order.identity.role)? >= MOST_WAITING {
        return Err(SegrecError::TooManyWaiting { most: MOST_WAITING });
    }
    models::keep(&model)?;
    jobs::enqueue(job, model.id, order.identity.role, &order.text())?;
    queue::wake_at_commit();
    Ok(job)
}

/// What became of a process that was to begin a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// It has begun, or the job is no more to be begun.
    Begun,
    /// It has ended before.
    Ended,
    /// The server has no place for another process.
    NoProcess,
}

/// Starts a process for a job and waits until it has begun.
pub fn begin(order: &Order) -> Result<Beginning> {
    let before = jobs::row_now(order.job)?;
    let Some(started) = background::start(FUNCTION, &order.text()) else {
        return Ok(Beginning::NoProcess);
    };
    loop {
        let alive = started.is_alive();
        if jobs::row_now(order.job)? != before {
            return Ok(Beginning::Begun);
        }
        if !alive {
            return Ok(Beginning::Ended);
        }
        std::thread::sleep(POLL);
        pgrx::check_for_interrupts!();
    }
}

/// Whether a job finds its places, and no other of its model is running.
pub fn may_begin(order: &Order) -> Result<bool> {
    for (of, most) in order.limits.each(order.identity.role) {
        if jobs::places_taken(of)? >= i64::from(most) {
            return Ok(false);
        }
    }
    Ok(!jobs::is_running(Some(order.model_id))?)
}

/// Takes the job's places and its lock, which this process holds as long as it lives; false where others have them.
pub fn take_up(order: &Order) -> Result<bool> {
    let mut limits = order.limits.each(order.identity.role);
    Ok(limits.all(|(of, most)| take_place(of, most))
        && try_lock(jobs_table()?, order.job, Until::SessionEnds))
}

/// Stops a job; true where it was running or waiting.
pub fn cancel(job: Option<i64>) -> Result<bool> {
    let number = job.ok_or(SegrecError::NullArgument { argument: "job" })?;
    let mut job = jobs::find(number)?.ok_or(SegrecError::UnknownJob { job: number })?;
    if job.waiting {
        if jobs::take_back(number)? {
            return Ok(true);
        }
        // It has begun meanwhile.
        let _snapshot = NewSnapshot::latest();
        job = jobs::find(number)?.ok_or(SegrecError::UnknownJob { job: number })?;
    }
    match job.pid {
        Some(pid) => background::cancel(pid),
        None => notice(format!("job {number} is not running"), None, None),
    }
    Ok(job.pid.is_some())
}
