//! A whole training: the options that describe it, the fit, and its measurement.
//!
//! - [`options`]: every option with its default, range and sentence, once
//! - [`checking`]: from the caller's JSON to checked options, all problems together
//! - [`described`]: what is known about users besides their events, as points
//! - [`division`]: every member in one segment, by any method
//! - [`algorithm`]: what each algorithm is made of, and what a training decided
//! - [`fit`]: backbone, segments and neighbours on one set of interactions
//! - [`rated`]: the fit of ratings and its errors
//! - [`lists`]: how the parts of a fit rank
//! - [`measure`]: popularity, what is shared and what segments have on the same holdout; the gate
//! - [`areas`]: how the scores of all items order them
//! - [`blending`]: how much neighbours count beside factors
//! - [`rehearsal`]: a recipe without the holdout, and the choice among several
//! - [`training`]: all of it, from events to a version
//! - [`validating`]: a recipe measured again, on its holdout or fold by fold
//! - [`comparing`]: two recipes on the same holdout
//! - [`space`], [`search`], [`trial`]: the options that a study tries, how, and one trial
//! - [`segmenting`]: the same without events
//! - [`members`]: the segment of every member, as it is stored
//! - [`reading`]: what a person reads about segments
//! - [`tuning`]: what data decide about factors
//! - [`estimate`]: the memory it takes

pub mod algorithm;
pub mod areas;
pub mod blending;
pub mod checking;
pub mod comparing;
pub mod described;
pub mod division;
pub mod estimate;
pub mod fit;
pub mod lists;
pub mod measure;
pub mod members;
pub mod options;
pub mod rated;
pub mod reading;
pub mod rehearsal;
pub mod search;
pub mod segmenting;
pub mod space;
pub mod training;
pub mod trial;
pub mod tuning;
pub mod validating;

pub use crate::evaluation::MetricRow;
pub use algorithm::{Algorithm, Decided};
pub use checking::{OptionProblem, merge_options, parse_options};
pub use described::Described;
pub use division::Before;
pub use fit::Fit;
pub use measure::{MEASURED_AT, Measurement};
pub use members::Members;
pub use options::{AlsChoices, OPTIONS, OnBadRows, Options};
pub use reading::Reading;
pub use rehearsal::{Attempt, Rehearsal};
pub use segmenting::{Segmented, segment};
pub use training::{Given, Trained, train};
