//! A whole training: the fit, its measurement on held-out events, and the decisions based on it.
//!
//! - [`estimate`]: the memory and disk space it takes
//! - [`user_data`]: data about users besides their events, as points
//! - [`segmenter`]: assigns every member to a segment, by any method
//! - [`given`]: the inputs of a training besides its options
//! - [`mod@fit`]: everything learned from one set of interactions
//! - [`ranker`]: ranks by the parts of a fit
//! - [`holdout_metrics`]: metrics on the holdout, and the gate
//! - [`item_content`]: what is known about items, and how much it counts among neighbours
//! - [`order`]: how the order of users' items counts
//! - [`popular_now`]: what is popular now, as a part of a blend
//! - [`repeat`]: what users take again, as a part of a blend
//! - [`segment_parts`]: what scorers besides factors learn for segments
//! - [`new_items`]: items without events
//! - [`new_item_metrics`]: how many of them lists have, and how many of those that users choose
//! - [`new_users`]: users without events
//! - [`short_histories`]: users with few events
//! - [`scorer_reports`]: what each scorer of a blend is worth and costs
//! - [`ratings`]: the fit of ratings and its errors
//! - [`auc`]: the area under the ROC curve over all items
//! - [`blend`]: the weights of scorers in a blend
//! - [`holdout_run`]: a fit to the training split and its metrics on the holdout; the choice among algorithms
//! - [`mod@train`]: all of it, from events to a version
//! - [`mod@segment`]: a training without events
//! - [`members`]: the segment of every member, as it will be stored
//! - [`segment_report`]: profiles and rules that describe segments

pub mod auc;
pub mod blend;
pub mod estimate;
pub mod fit;
pub mod given;
pub mod holdout_metrics;
pub mod holdout_run;
pub mod item_content;
pub mod members;
pub mod new_item_metrics;
pub mod new_items;
pub mod new_users;
pub mod order;
pub mod popular_now;
pub mod ranker;
pub mod ratings;
pub mod repeat;
pub mod scorer_reports;
pub mod segment;
pub mod segment_parts;
pub mod segment_report;
pub mod segmenter;
pub mod short_histories;
pub mod train;
pub mod user_data;

pub use crate::evaluation::deciding_metric::MEASURED_AT;
pub use fit::Fit;
pub use given::Given;
pub use holdout_metrics::Measurement;
pub use holdout_run::{Attempt, HoldoutRun};
pub use members::Members;
pub use scorer_reports::ScorerReport;
pub use segment::{Segmented, segment};
pub use segment_report::SegmentReport;
pub use segmenter::PreviousSegments;
pub use train::{Trained, train};
pub use user_data::UserData;
