//! Starts the process of a job, and records the beginning and the end of its training.

use super::job_order::Order;
use crate::catalog::jobs::{self, jobs_table};
use crate::catalog::versions;
use crate::error::Result;
use crate::pg::process::background::{self, Failure};
use crate::pg::process::lock::{Until, take_place, try_lock};
use std::time::{Duration, Instant};

/// The library function that the process of a job calls.
pub const FUNCTION: &str = "segrec_background_training";
/// The interval between checks whether a job has begun.
const POLL: Duration = Duration::from_millis(5);

/// The result of starting a process for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// The job has begun, or should no longer begin.
    Begun,
    /// The process ended before the job began.
    Ended,
    /// The server has no free background worker.
    NoProcess,
}

/// Starts a process for a job and waits until the job has begun.
pub fn begin(order: &Order) -> Result<Beginning> {
    let before = jobs::row_now(order.job)?;
    let Some(started) = background::start(FUNCTION, &order.text()?) else {
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

/// Whether there are free places for a job, and no other job of its model is running.
pub fn may_begin(order: &Order) -> Result<bool> {
    for (of, most) in order.limits.each(order.identity.role) {
        if jobs::places_taken(of)? >= i64::from(most) {
            return Ok(false);
        }
    }
    Ok(!jobs::is_running(Some(order.model_id))?)
}

/// Takes the job's places and its lock, held until the process ends; false if any of them is taken.
fn take_up(order: &Order) -> Result<bool> {
    let mut limits = order.limits.each(order.identity.role);
    Ok(limits.all(|(of, most)| take_place(of, most))
        && try_lock(jobs_table()?, order.job, Until::SessionEnds))
}

/// Marks a job as begun by this process, and returns the name of its model; `None` if it should no longer begin.
pub fn take(order: &Order) -> Result<Option<String>> {
    if take_up(order)? { jobs::begin(order.job, order.model_id, order.identity.role) } else { Ok(None) }
}

/// Records how a job ended: the resulting version, or why there is none.
pub fn finish(order: &Order, started: Instant, reached: Result<i32, &Failure>) -> Result<()> {
    match reached {
        Ok(version) => jobs::end(order.job, "finished", Some(version), None),
        Err(Failure { cancelled: true, text }) => jobs::end(order.job, "cancelled", None, Some(text)),
        Err(Failure { text, .. }) => {
            let version = versions::insert_failed(order.model_id, started.elapsed().as_secs_f64(), text)?;
            jobs::end(order.job, "failed", version, Some(text))
        }
    }
}
