//! The process in which our code runs, and those that it starts.
//!
//! - [`allocator`]: what happens where the system gives no memory
//! - [`memory`]: whether the system would give more
//! - [`small_blocks`]: memory contexts in which an error takes little
//! - [`workers`]: a thread pool that PostgreSQL does not notice, with interrupts heard meanwhile
//! - [`interrupts`]: interrupts that wait for a moment
//! - [`background`]: dynamic background workers
//! - [`lock`]: the locks that a training holds on its model, and places that are shared
//! - [`backtraces`]: errors without them

pub mod allocator;
pub mod background;
pub mod backtraces;
pub mod interrupts;
pub mod lock;
pub mod memory;
pub mod small_blocks;
pub mod workers;
