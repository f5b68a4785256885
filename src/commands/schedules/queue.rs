//! The queue of jobs. While jobs are queued, one background process starts them in the order of their numbers. A job
//! that finds no place, or whose model is being trained, is overtaken by later ones.
//!
//! The process is started when a queued job is committed, and when a job ends. If there is no free background worker
//! for it, the process of a job that ends continues with the next job of its own role.

use super::job_order::Order;
use super::job_process::{Beginning, begin, may_begin};
use crate::catalog::jobs::{self, jobs_table};
use crate::error::Result;
use crate::pg::executor::snapshot::NewSnapshot;
use crate::pg::process::background::{self, Identity};
use crate::pg::process::lock::{Until, try_lock, unlock};
use crate::pg::security::rights::is_role;
use std::time::Duration;

/// The library function that the process calls.
pub const FUNCTION: &str = "segrec_background_queue";
/// The interval between checks for a free place.
pub const PAUSE: Duration = Duration::from_secs(1);
/// The key of the lock held by the process that starts jobs; job numbers begin at 1.
const KEEPER: i64 = 0;

/// Starts the process when the transaction commits.
pub fn wake_at_commit() {
    background::at_commit(|| {
        wake();
    });
}

/// Starts the process; false if there is no free background worker. If it is already running, the new one exits at
/// once.
pub fn wake() -> bool {
    background::start(FUNCTION, "").is_some()
}

/// Whether this process is the one that starts jobs; takes the lock if it is free.
pub fn is_keeper() -> Result<bool> {
    Ok(try_lock(jobs_table()?, KEEPER, Until::SessionEnds))
}

/// Releases the lock. The caller must check the queue once more afterwards, since a process started meanwhile found the
/// lock taken and has exited.
pub fn give_up() -> Result<()> {
    unlock(jobs_table()?, KEEPER, Until::SessionEnds);
    Ok(())
}

/// Whether no jobs are queued.
pub fn is_empty() -> Result<bool> {
    Ok(jobs::waiting()?.is_empty())
}

/// What the process that starts jobs should do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The queue is empty.
    Nothing,
    /// No queued job can begin yet.
    Later,
    /// Run this job in this process: there is no free background worker, and no job of ours whose end would free one.
    Here(Order),
}

/// Starts all queued jobs that can begin.
pub fn start_waiting() -> Result<Next> {
    let mut next = Next::Nothing;
    for orders in jobs::waiting()? {
        let mut order = Order::parse(&orders)?;
        if !is_role(order.identity.role.into()) {
            jobs::end(order.job, "failed", None, Some("the role that requested it no longer exists"))?;
            continue;
        }
        let _snapshot = NewSnapshot::new();
        if !may_begin(&order)? {
            next = Next::Later;
            continue;
        }
        order.identity = Identity::of(order.identity.role);
        match begin(&order)? {
            Beginning::Begun => {}
            Beginning::Ended if may_begin(&order)? => {
                jobs::end(
                    order.job,
                    "failed",
                    None,
                    Some("its process ended before it started; the server log contains the reason"),
                )?;
            }
            Beginning::Ended => next = Next::Later,
            Beginning::NoProcess if jobs::is_running(None)? => return Ok(Next::Later),
            Beginning::NoProcess => return Ok(Next::Here(order)),
        }
    }
    Ok(next)
}

/// Called after a job: starts the process that starts queued jobs, if there are any. If that fails, returns the next
/// job of the same role, for this process to run.
pub fn after(role: u32) -> Result<Option<Order>> {
    let waiting = jobs::waiting()?;
    if waiting.is_empty() || wake() {
        return Ok(None);
    }
    for orders in waiting {
        let order = Order::parse(&orders)?;
        if order.identity.role == role && !jobs::is_running(Some(order.model_id))? {
            return Ok(Some(order));
        }
    }
    Ok(None)
}
