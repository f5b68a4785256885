//! Files in the server's directory for temporary files. All sessions share them; they are removed when the server
//! starts.
//!
//! - [`shared_file`]: names and maps files
//! - [`progress_file`]: publishes the progress of a training
//! - [`usage_counters`]: counters shared by all sessions

pub mod progress_file;
pub mod shared_file;
pub mod usage_counters;
