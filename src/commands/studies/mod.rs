//! Evaluates other options than the deployed ones.
//!
//! - [`tune`]: a study, trial by trial
//! - [`cross_validate`]: one set of options, fold by fold

pub mod cross_validate;
pub mod tune;
