//! `segrec_train_in_background` and `segrec_cancel`: jobs are started and stopped here, `crate::worker` does them.

use super::access::trainable_here;
use super::options::check_options;
use super::verdict::Deploy;
use crate::catalog::jobs::{self, jobs_table};
use crate::catalog::models;
use crate::error::{Result, SegrecError, notice};
use crate::pg::background::{self, Identity};
use crate::pg::lock::{Shared, Until, take_place, try_lock};
use crate::pg::rights::is_superuser;
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
    /// How many jobs there may be beside it.
    pub limits: Limits,
}

/// How many jobs there may be at once; none where there is no limit.
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
            false => Self { role: settings::jobs_per_role(), database: settings::jobs_per_database() },
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
            deploy: Deploy::parse(Some(next()))?,
            memory: number(next())?,
            threads: number(next())?,
            limits: Limits { role: number(next()).ok(), database: number(next()).ok() },
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
        limits: Limits::here(),
    };
    check_places(&order)?;
    let started = background::start(FUNCTION, &order.text()).ok_or(SegrecError::NoWorker)?;
    loop {
        let alive = started.is_alive();
        if jobs::has_begun(job)? {
            return Ok(job);
        }
        if !alive {
            // Others may have taken the last places meanwhile.
            check_places(&order)?;
            return Err(SegrecError::WorkerEnded { model: model.name });
        }
        std::thread::sleep(POLL);
        pgrx::check_for_interrupts!();
    }
}

/// An error where a job would find no place.
fn check_places(order: &Order) -> Result<()> {
    for (of, most) in order.limits.each(order.identity.role) {
        if jobs::places_taken(of)? >= i64::from(most) {
            return Err(SegrecError::TooManyJobs { of, most });
        }
    }
    Ok(())
}

/// Takes the job's lock and its places, which this process holds as long as it lives.
pub fn take_up(order: &Order) -> Result<()> {
    let places = |(of, most)| match take_place(of, most) {
        true => Ok(()),
        false => Err(SegrecError::TooManyJobs { of, most }),
    };
    order.limits.each(order.identity.role).try_for_each(places)?;
    match try_lock(jobs_table()?, order.job, Until::SessionEnds) {
        true => Ok(()),
        false => Err(SegrecError::Internal(format!("another process has job {}", order.job))),
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
