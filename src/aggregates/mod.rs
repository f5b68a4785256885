//! Segments and metrics of any rows, without a model: what the aggregates do with a row, with a group and
//! with what other workers have gathered.
//!
//! - [`state`]: what an aggregate carries, SQL type `segrec_summary`
//! - [`clusters`]: what k-means finds, SQL type `segrec_clusters`
//! - [`error_sums`]: what predictions were off by
//! - [`threads`]: work on several threads
//! - [`list_metrics`]: the metrics of one list
//! - [`value_metrics`]: metrics of rows with predictions, scores or counts

pub mod clusters;
pub mod error_sums;
pub mod list_metrics;
pub mod state;
mod threads;
pub mod value_metrics;
