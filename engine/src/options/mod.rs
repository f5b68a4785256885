//! The options of a model: each once, with its name, default, range and sentence.
//!
//! - [`table`]: all of them; [`entry`]: what it says of each
//! - [`checked`]: the checked form, which trains
//! - [`parse`]: from the caller's JSON to checked options, all problems together
//! - [`algorithm`]: the algorithms that a model may rank by, and what a training decided

pub mod algorithm;
pub mod checked;
pub mod entry;
pub mod parse;
pub mod table;

pub use algorithm::{Algorithm, Decided};
pub use checked::{AlsChoices, OnBadRows, Options};
pub use entry::{Kind, ModelInput, OptionEntry, Scope};
pub use parse::{OptionProblem, merge_options, parse_options};
pub use table::{OPTIONS, differing, unmet_need};
