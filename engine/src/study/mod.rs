//! Which options are best: trials of a search space, cross-validation, and the comparison of two sets of options.
//!
//! - [`search_space`]: the options that a study may set
//! - [`search`]: the search methods and their shares of users
//! - [`planned_trials`]: all trials of a study
//! - [`trial`]: fits and measures one trial
//! - [`evaluate`]: evaluates options again, on their holdout or fold by fold
//! - [`cold`]: evaluates what is said about items and users without events
//! - [`compare`]: compares two sets of options on the same holdout

pub mod cold;
pub mod compare;
pub mod evaluate;
pub mod planned_trials;
pub mod search;
pub mod search_space;
pub mod trial;
