//! Runs the work of an aggregate on one thread or, if it is large, on several.

use crate::error::Result;
use crate::pg::process::workers::{self, Workers};
use crate::settings;
use segrec_engine::Observer;

/// The size of work below which threads cost more than they gain: some 50 ms.
const ALONE: usize = 10_000_000;

/// Runs `work` on this thread or, if it is large, on a thread pool. `size` is the approximate number of multiply-adds
/// in each of a few dozen rounds.
///
/// # Errors
/// If there are no threads.
pub fn run<T: Send>(size: usize, work: impl FnOnce(&dyn Observer) -> T + Send) -> Result<T> {
    if size < ALONE {
        return Ok(workers::run_alone(work));
    }
    Workers::new(settings::threads())?.run(work, |_| {})
}
