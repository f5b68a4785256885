//! Measuring lists against events that training did not see. All items are ranked, never a sample
//! (Krichene & Rendle 2020).
//!
//! - [`split`]: which events are held out
//! - [`metrics`]: precision, recall, F1, NDCG, hit rate, MAP, MRR of one list; coverage of many
//! - [`interval`]: means, standard errors, bootstrap intervals over users
//! - [`mod@gate`]: whether a segment's factors beat what they replace

pub mod auc;
pub mod errors;
pub mod gate;
pub mod interval;
pub mod metrics;
pub mod report;
pub mod split;

pub use auc::auc;
pub use errors::errors;
pub use gate::{Gate, gate};
pub use interval::{Estimate, bootstrap};
pub use metrics::{ListMetrics, Metric, coverage};
pub use report::{Catalogue, Measured, MetricRow, Ranked, report};
pub use split::{Holdout, HoldoutOptions, Split, SplitChoice};
