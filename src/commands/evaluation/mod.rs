//! Evaluates versions.
//!
//! - [`evaluate`]: the deployed version's options, on a holdout
//! - [`cold`]: options, on items or users that are held out whole
//! - [`compare`]: the options of two versions, on the same holdout
//! - [`test_events`]: the deployed version, on later events
//! - [`workbench`]: the setup that evaluations share
//! - [`reported_metric`]: arguments and results that they share

pub mod cold;
pub mod compare;
pub mod evaluate;
pub mod reported_metric;
pub mod test_events;
pub mod workbench;
