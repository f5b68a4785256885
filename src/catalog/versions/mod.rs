//! Versions: what a training leaves, and what serving reads of it.
//!
//! - [`list`]: the versions of a model
//! - [`new_version`]: a version with its metrics and log
//! - [`deployed_version`]: what serving needs of one
//! - [`segments`]: its segments, what makes them different, how users moved
//! - [`reachability`]: the order in which OPTICS came to its users
//! - [`items`], [`users`]: the rows of its items and users
//! - [`sections`]: what its scorers are stored as
//! - [`members`]: users by their place
//! - [`transfer`]: a version as rows of text, for another database
//! - [`bulk_insert`], [`stream`]: many rows at once, and one by one

mod bulk_insert;
mod deployed_version;
pub mod items;
mod list;
pub mod members;
mod new_version;
pub mod reachability;
pub mod sections;
pub mod segments;
mod stream;
pub mod transfer;
pub mod users;

pub use deployed_version::{DeployedVersion, item_grams, load};
pub use list::{SeenVersion, Version, deployed, is_dropped, is_there, list, seen, table, user_count};
pub use new_version::{
    LogEntry, NewRecommender, NewVersion, finish, insert, insert_attempts, insert_failed, insert_log,
    insert_metrics,
};
