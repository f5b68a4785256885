//! Deploys, drops and transfers versions.
//!
//! - [`deploy`]: deploys a version, or rolls back to the one before
//! - [`drop_version`]: drops a version, or old ones
//! - [`refresh_items`]: brings the items of a version up to date
//! - [`transfer`]: exports and imports versions
//! - [`label_segment`], [`describe_segment`]: names and describes a segment
//! - [`forget_user`]: deletes what is stored about a user

pub mod deploy;
pub mod describe_segment;
pub mod drop_version;
pub mod forget_user;
pub mod label_segment;
pub mod refresh_items;
pub mod transfer;
