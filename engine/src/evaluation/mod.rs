//! Measures lists against events that training did not see. All items are ranked, never a sample (Krichene & Rendle
//! 2020).
//!
//! - [`split`]: which events are held out
//! - [`holdout`]: training and test parts
//! - [`hidden`]: items and users that are hidden whole
//! - [`mod@report`]: all metrics of rankings at once, for all users and each segment, with confidence intervals
//! - [`registry`]: every metric with its name, direction and SQL function
//! - [`metric_row`]: a measured value
//! - [`deciding_metric`]: the metric that decisions are based on, and the users it is measured on
//! - [`history`]: that metric by the length of the users' histories
//! - [`metrics`]: precision, recall, F1, NDCG, hit rate, average precision, reciprocal rank of one list
//! - [`mod@auc`]: the area under the ROC curve of one user's scores
//! - [`beyond_accuracy`]: novelty, diversity and popularity lift of one list
//! - [`catalog_coverage`]: coverage and Gini coefficient of many lists
//! - [`mod@errors`]: errors of predicted ratings
//! - [`bootstrap`]: metrics that are quotients of sums over users, with bootstrap intervals
//! - [`standard_error`]: means and standard errors
//! - [`off_policy`]: what a policy would earn, estimated from the log of another
//! - [`mod@gate`]: whether a segment's own factors beat those of the backbone

pub mod auc;
pub mod beyond_accuracy;
pub mod bootstrap;
pub mod catalog_coverage;
pub mod deciding_metric;
pub mod errors;
pub mod gate;
pub mod hidden;
pub mod history;
pub mod holdout;
pub mod metric_row;
pub mod metrics;
pub mod off_policy;
pub mod registry;
pub mod report;
pub mod split;
pub mod standard_error;

pub use auc::{auc, auc_of_rows};
pub use catalog_coverage::gini;
pub use errors::errors;
pub use gate::{Gate, gate};
pub use holdout::{HeldOut, Holdout, PassedOver};
pub use metric_row::{Catalog, MetricRow};
pub use metrics::{ListMetrics, Metric};
pub use report::{Measured, Ranked, report};
pub use split::{HoldoutOptions, Split, SplitChoice};
