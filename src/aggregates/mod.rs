//! Segments and metrics of any rows, without a model: the transition, combine and final functions of the aggregates.
//!
//! - [`state`]: the states of aggregates, SQL type `segrec_summary`
//! - [`clusters`]: the result of k-means, SQL type `segrec_clusters`
//! - [`error_sums`]: sums of prediction errors
//! - [`threads`]: runs large work on several threads
//! - [`list_metrics`]: metrics of one list
//! - [`off_policy`]: what a policy would earn, from the log of another
//! - [`value_metrics`]: metrics of rows with predictions, scores or counts

pub mod clusters;
pub mod error_sums;
pub mod list_metrics;
pub mod off_policy;
pub mod state;
mod threads;
pub mod value_metrics;
