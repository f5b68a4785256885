//! Trains a model and writes a version.
//!
//! - [`train`]: the three steps of a training
//! - [`estimate`]: estimates its resources
//! - [`read`]: reads events, users and items; [`left_alone`] tells of columns that it does not read
//! - [`deployment_decision`]: decides whether the version is deployed
//! - [`write`]: writes the rows of the version
//! - [`training_log`], [`progress`]: progress reports to the caller and to other sessions

pub mod deployment_decision;
pub mod estimate;
mod left_alone;
pub mod progress;
pub mod read;
pub mod train;
pub mod training_log;
pub mod write;
