//! The options of a model: each once, with its name, default, range and sentence.
//!
//! - [`checked`]: the table of options, and the checked form that trains
//! - [`parse`]: from the caller's JSON to checked options, all problems together
//! - [`algorithm`]: the algorithms that a model may rank by, and what a training decided

pub mod algorithm;
pub mod checked;
pub mod parse;

pub use algorithm::{Algorithm, Decided};
pub use checked::{AlsChoices, OPTIONS, OnBadRows, Options};
pub use parse::{OptionProblem, merge_options, parse_options};
