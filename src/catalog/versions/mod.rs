//! Versions: the stored results of trainings.
//!
//! - [`list`]: the versions of a model
//! - [`new_version`]: stores a version with its metrics and log
//! - [`deployed_version`]: what serving needs of a version
//! - [`segments`]: segments, their profiles, and transitions of users
//! - [`described_segment`]: facts about a segment, for its description
//! - [`items`], [`users`]: the rows of items and users
//! - [`sections`]: the stored sections of scorers
//! - [`scorers`], [`item_features`], [`reachability`]: reports of a training
//! - [`members`]: users by place
//! - [`transfer`]: a version as rows of text, for another database
//! - [`bulk_insert`], [`stream`]: writes many rows at once, and streams rows

mod bulk_insert;
mod deployed_version;
pub mod described_segment;
pub mod item_features;
pub mod items;
mod list;
pub mod members;
mod new_version;
pub mod reachability;
pub mod scorers;
pub mod sections;
pub mod segments;
mod stream;
pub mod transfer;
pub mod users;

pub use deployed_version::{DeployedVersion, item_grams, load};
pub use list::{
    SeenVersion, Version, VersionState, deployed, is_dropped, is_there, list, seen, table, user_count,
};
pub use new_version::{
    LogEntry, NewRecommender, NewVersion, finish, insert, insert_attempts, insert_failed, insert_log,
    insert_metrics,
};
