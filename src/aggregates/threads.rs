//! Work of an aggregate on one thread, or on several where it is much.

use crate::error::Result;
use crate::pg::process::workers::{self, Workers};
use crate::settings;
use segrec_engine::Observer;

/// Work up to which threads cost more than they gain: some 50 ms.
const ALONE: usize = 10_000_000;

/// Runs `work` on this thread, or on threads of ours where it is much: `size` multiply-adds or so for
/// each of a few dozen rounds.
///
/// # Errors
/// Where there are no threads.
pub fn run<T: Send>(size: usize, work: impl FnOnce(&dyn Observer) -> T + Send) -> Result<T> {
    if size < ALONE {
        return Ok(workers::run_alone(work));
    }
    Workers::new(settings::threads())?.run(work, |_| {})
}
