//! The SQL commands, one use case per file: each checks its arguments, decides, and delegates to `catalog` and the
//! engine.
//!
//! - [`access`]: which model a call refers to, and what the caller may do with it
//! - [`models`]: creates, changes and drops models
//! - [`training`]: trains a model and writes a version
//! - [`versions`]: deploys, drops and transfers versions
//! - [`evaluation`]: evaluates versions
//! - [`studies`]: evaluates other options
//! - [`schedules`]: scheduled and background trainings
//! - [`example`]: creates the sample shop

pub mod access;
pub mod evaluation;
pub mod example;
pub mod models;
pub mod schedules;
pub mod studies;
pub mod training;
pub mod versions;
