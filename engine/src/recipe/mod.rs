//! A whole training: the options that describe it, the fit, and its measurement.
//!
//! - [`options`]: every option with its default, range and sentence, once
//! - [`checking`]: from the caller's JSON to checked options, all problems together
//! - [`fit`]: backbone → segments → segment factors on one set of interactions
//! - [`measure`]: popularity, backbone and segments on the same holdout; the gate
//! - [`training`]: all of it, from events to a version
//! - [`tuning`]: the weights that data decide
//! - [`estimate`]: the memory it takes

pub mod checking;
pub mod estimate;
pub mod fit;
pub mod measure;
pub mod options;
pub mod training;
pub mod tuning;

pub use checking::{OptionProblem, merge_options, parse_options};
pub use fit::Fit;
pub use measure::{MEASURED_AT, Measurement, MetricRow};
pub use options::{AlsChoices, OPTIONS, OnBadRows, Options};
pub use training::{Trained, train};
