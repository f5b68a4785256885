//! The current process, and processes that it starts.
//!
//! - [`allocator`]: handles a lack of memory
//! - [`memory`]: checks whether the system can provide more memory
//! - [`small_blocks`]: memory contexts in which errors need little memory
//! - [`workers`]: a thread pool isolated from PostgreSQL
//! - [`interrupts`]: holds off interrupts
//! - [`background`]: dynamic background workers
//! - [`lock`]: locks on models, studies and jobs, and places for jobs
//! - [`backtraces`]: disables backtraces

pub mod allocator;
pub mod background;
pub mod backtraces;
pub mod interrupts;
pub mod lock;
pub mod memory;
pub mod small_blocks;
pub mod workers;
