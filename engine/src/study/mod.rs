//! Which options are best: trials of a search space, cross-validation, and the comparison of two sets of options.
//!
//! - [`search_space`]: the options that a study tries
//! - [`search`]: the order in which it does
//! - [`planned_trials`]: all trials of a study
//! - [`trial`]: one of them, fitted and measured
//! - [`evaluate`]: options measured again, on their holdout or fold by fold
//! - [`compare`]: two sets of options on the same holdout

pub mod compare;
pub mod evaluate;
pub mod planned_trials;
pub mod search;
pub mod search_space;
pub mod trial;
