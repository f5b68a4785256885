//! Jobs that wait. While there are any, a process of ours lives that starts those whose turn has come: in the order of their
//! numbers, but that a job which finds no place, or whose model is being trained, lets others pass.
//!
//! It is started when a job that waits is committed, and when a job ends. Where the server has no place for it either, the
//! process of a job that ends goes on with the next of its own role.

use super::job_order::Order;
use super::job_process::{Beginning, begin, may_begin};
use crate::catalog::jobs::{self, jobs_table};
use crate::error::Result;
use crate::pg::executor::snapshot::NewSnapshot;
use crate::pg::process::background::{self, Identity};
use crate::pg::process::lock::{Until, try_lock, unlock};
use crate::pg::security::rights::is_role;
use std::time::Duration;

/// The function of our library that the process calls.
pub const FUNCTION: &str = "segrec_background_queue";
/// The time between two looks whether a place is free.
pub const PAUSE: Duration = Duration::from_secs(1);
/// The key of the lock of the one process that starts jobs; jobs have numbers from 1.
const KEEPER: i64 = 0;

/// Has the process started when the transaction is committed.
pub fn wake_at_commit() {
    background::at_commit(|| {
        wake();
    });
}

/// Starts the process; false where the server has no place for it. Where there is one already it ends at once.
pub fn wake() -> bool {
    background::start(FUNCTION, "").is_some()
}

/// Whether this process is the one that starts jobs.
pub fn is_keeper() -> Result<bool> {
    Ok(try_lock(jobs_table()?, KEEPER, Until::SessionEnds))
}

/// Lets another process be the one that starts jobs. Who gives it up looks once more afterwards: who came before found it
/// taken and has ended.
pub fn give_up() -> Result<()> {
    unlock(jobs_table()?, KEEPER, Until::SessionEnds);
    Ok(())
}

/// Whether no job waits.
pub fn is_empty() -> Result<bool> {
    Ok(jobs::waiting()?.is_empty())
}

/// What the process that starts jobs does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing waits.
    Nothing,
    /// What waits has no place yet.
    Later,
    /// This job, in this process: the server has no place for another, and no job of ours will give one back.
    Here(Order),
}

/// Starts what may begin.
pub fn start_waiting() -> Result<Next> {
    let mut next = Next::Nothing;
    for orders in jobs::waiting()? {
        let mut order = Order::parse(&orders)?;
        if !is_role(order.identity.role.into()) {
            jobs::end(order.job, "failed", None, Some("the role that asked for it is gone"))?;
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
                    Some("its process ended before it began; the server's log says why"),
                )?;
            }
            Beginning::Ended => next = Next::Later,
            Beginning::NoProcess if jobs::is_running(None)? => return Ok(Next::Later),
            Beginning::NoProcess => return Ok(Next::Here(order)),
        }
    }
    Ok(next)
}

/// After a job: has the process started that starts others, where any wait; where it cannot be, gives the next of this role,
/// which this process can do as it is.
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
