//! The options of a model: each with its name, default, range and description, in a single place.
//!
//! - [`table`]: all options; [`entry`]: the form of an entry
//! - [`checked`]: the checked form that trainings use
//! - [`filter`]: filters of the rows that a model reads
//! - [`parse`]: parses the caller's JSON and reports all problems together
//! - [`algorithm`]: the algorithms by which a model can rank, and the choices that a training made

pub mod algorithm;
pub mod checked;
pub mod entry;
pub mod filter;
pub mod parse;
pub mod table;

pub use algorithm::{Algorithm, Decided};
pub use checked::{AlsChoices, NewUsers, OnBadRows, Options, seen_rule};
pub use entry::{Kind, ModelInput, OptionEntry, Scope};
pub use filter::RowFilter;
pub use parse::{OptionProblem, merge_options, parse_options};
pub use table::{OPTIONS, differing, unmet_need};
