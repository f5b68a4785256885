//! Evaluates other options than the deployed ones.
//!
//! - [`tune`]: a study, trial by trial
//! - [`cross_validate`]: one set of options, fold by fold
//! - [`cold_folds`]: the same with whole items or users as folds

pub mod cold_folds;
pub mod cross_validate;
pub mod tune;
