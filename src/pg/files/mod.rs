//! Files in the server's folder for temporary files, which all sessions share and which are gone when the server starts.
//!
//! - [`shared_file`]: their names, and mapping them
//! - [`progress_file`]: how far a training is
//! - [`usage_counters`]: numbers that all sessions add to

pub mod progress_file;
pub mod shared_file;
pub mod usage_counters;
