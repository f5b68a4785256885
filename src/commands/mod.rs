//! What each verb does, one use case per file: it checks, decides, and lets `catalog` and the engine do the work.
//!
//! - [`access`]: which model a call means, and what the caller may do with it
//! - [`models`]: creating, changing and dropping models
//! - [`training`]: from what a model reads to a version that is written
//! - [`versions`]: which version answers, and what becomes of the others
//! - [`evaluation`]: what a version reaches
//! - [`studies`]: what other options would reach
//! - [`schedules`]: trainings by a schedule and in the background

pub mod access;
pub mod evaluation;
pub mod models;
pub mod schedules;
pub mod studies;
pub mod training;
pub mod versions;
