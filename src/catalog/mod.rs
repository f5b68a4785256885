//! Rows ⇄ engine types: the only place that runs SQL, and it decides nothing.
//!
//! - [`statement`]: running fixed statements as the caller or as the catalog's owner
//! - [`relations`]: columns, types and indexes of the caller's relations
//! - [`events`]: events of everybody (streamed) and of one user
//! - [`users`]: what is known about users and items, of everybody (streamed) and of one user
//! - [`functions`]: functions of one model in a schema of its users'
//! - [`live`]: the rows of one user in the caller's relation, where the caller may read them
//! - [`models`]: the models
//! - [`grants`]: what other roles may do with them
//! - [`jobs`]: trainings in the background
//! - [`versions`]: versions, their metrics and log
//! - [`schedules`]: when models are trained by themselves, and the jobs of pg_cron
//! - [`segments`]: their segments, what makes them different, how users moved
//! - [`studies`]: studies of options and their trials
//! - [`factors`]: the rows of a version's users and items
//! - [`members`]: users of a version by their place
//! - [`removal`]: what goes: models, versions, what is stored of a user
//! - [`owners`]: who owns the models
//! - [`transfer`]: a version as rows of text, for another database

pub mod events;
pub mod factors;
pub mod functions;
pub mod grants;
pub mod jobs;
pub mod live;
pub mod members;
pub mod models;
pub mod owners;
pub mod relations;
pub mod removal;
pub mod schedules;
pub mod segments;
pub mod statement;
pub mod studies;
pub mod transfer;
pub mod users;
pub mod versions;
