//! From what a model reads to a version that is written.
//!
//! - [`train`]: the three steps of a training
//! - [`estimate`]: what it would take
//! - [`read`]: events, users and items
//! - [`deployment_decision`]: whether the version is deployed
//! - [`write`]: the rows of the version
//! - [`training_log`], [`progress`]: what it says of its steps, to its caller and to other sessions

pub mod deployment_decision;
pub mod estimate;
pub mod progress;
pub mod read;
pub mod train;
pub mod training_log;
pub mod write;
