//! Rows ⇄ engine types: the only place that runs SQL, and it decides nothing.
//!
//! - [`statement`]: running fixed statements as the caller or as the catalog's owner
//! - [`sources`]: the relations that models read
//! - [`models`]: the models, whose they are and who may use them
//! - [`versions`]: what trainings leave of them
//! - [`studies`]: studies of options and their trials
//! - [`schedules`]: when models are trained by a schedule, and the jobs of pg_cron
//! - [`jobs`]: trainings in the background
//! - [`removal`]: deleting models, versions, and what is stored of a user

pub mod jobs;
pub mod models;
pub mod removal;
pub mod schedules;
pub mod sources;
pub mod statement;
pub mod studies;
pub mod versions;
