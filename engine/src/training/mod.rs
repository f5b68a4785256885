//! A whole training: the fit, its measurement on held-out events, and what is decided by it.
//!
//! - [`estimate`]: the memory and the disk it takes, before either is taken
//! - [`user_data`]: what is known about users besides their events, as points
//! - [`segmenter`]: every member in one segment, by any method
//! - [`given`]: what a training is given besides its options
//! - [`mod@fit`]: backbone, segments and neighbours on one set of interactions
//! - [`ranker`]: how the parts of a fit rank
//! - [`holdout_metrics`]: popularity, what is shared and what segments have on the same holdout; the gate
//! - [`ratings`]: the fit of ratings and its errors
//! - [`auc`]: how the scores of all items order them
//! - [`blend`]: how much neighbours count beside factors
//! - [`holdout_run`]: a fit to the training split and its metrics on the holdout; the choice among algorithms
//! - [`mod@train`]: all of it, from events to a version
//! - [`mod@segment`]: the same without events
//! - [`members`]: the segment of every member, as it is stored
//! - [`segment_report`]: what a person reads about segments

pub mod auc;
pub mod blend;
pub mod estimate;
pub mod fit;
pub mod given;
pub mod holdout_metrics;
pub mod holdout_run;
pub mod members;
pub mod ranker;
pub mod ratings;
pub mod segment;
pub mod segment_report;
pub mod segmenter;
pub mod train;
pub mod user_data;

pub use crate::evaluation::deciding_metric::MEASURED_AT;
pub use fit::Fit;
pub use given::Given;
pub use holdout_metrics::Measurement;
pub use holdout_run::{Attempt, HoldoutRun};
pub use members::Members;
pub use segment::{Segmented, segment};
pub use segment_report::SegmentReport;
pub use segmenter::PreviousSegments;
pub use train::{Trained, train};
pub use user_data::UserData;
