//! Converts between rows and engine types. The only place that runs SQL; contains no decisions.
//!
//! - [`statement`]: runs fixed statements as the caller or as the owner of the catalog
//! - [`rules`]: rules of models, which decide what lists show
//! - [`sources`]: the relations that models read
//! - [`models`]: models, their owners and grants
//! - [`versions`]: the stored results of trainings
//! - [`studies`]: studies of options and their trials
//! - [`schedules`]: schedules of trainings, and pg_cron's jobs
//! - [`jobs`]: background trainings
//! - [`example`]: the sample shop of the documentation
//! - [`removal`]: deletes models, versions, and what is stored about a user

pub mod example;
pub mod jobs;
pub mod models;
pub mod removal;
pub mod rules;
pub mod schedules;
pub mod sources;
pub mod statement;
pub mod studies;
pub mod versions;
