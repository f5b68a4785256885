//! A whole training: the options that describe it, the fit, and its measurement.
//!
//! - [`options`]: every option with its default, range and sentence, once
//! - [`checking`]: from the caller's JSON to checked options, all problems together
//! - [`described`]: what is known about users besides their events, as points
//! - [`division`]: every member in one segment, by any method
//! - [`fit`]: backbone and segment factors on one set of interactions
//! - [`measure`]: popularity, backbone and segments on the same holdout; the gate
//! - [`training`]: all of it, from events to a version
//! - [`segmenting`]: the same without events
//! - [`members`]: the segment of every member, as it is stored
//! - [`reading`]: what a person reads about segments
//! - [`tuning`]: the weights that data decide
//! - [`estimate`]: the memory it takes

pub mod checking;
pub mod described;
pub mod division;
pub mod estimate;
pub mod fit;
pub mod measure;
pub mod members;
pub mod options;
pub mod reading;
pub mod segmenting;
pub mod training;
pub mod tuning;

pub use crate::evaluation::MetricRow;
pub use checking::{OptionProblem, merge_options, parse_options};
pub use described::Described;
pub use division::Before;
pub use fit::Fit;
pub use measure::{MEASURED_AT, Measurement};
pub use members::Members;
pub use options::{AlsChoices, OPTIONS, OnBadRows, Options};
pub use reading::Reading;
pub use segmenting::{Segmented, segment};
pub use training::{Given, Trained, train};
