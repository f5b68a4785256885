//! What a version reaches.
//!
//! - [`evaluate`]: the options of the deployed version, on a holdout
//! - [`compare`]: those of two versions, on the same holdout
//! - [`test_events`]: events that came after the training
//! - [`workbench`]: what they begin with
//! - [`reported_metric`]: arguments and results that these share

pub mod compare;
pub mod evaluate;
pub mod reported_metric;
pub mod test_events;
pub mod workbench;
