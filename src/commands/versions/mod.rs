//! Which version answers, and what becomes of the others.
//!
//! - [`deploy`]: deploys a version, or the one before
//! - [`drop_version`]: deletes one, or those that are too many
//! - [`transfer`]: exports one and imports it elsewhere
//! - [`label_segment`]: names a segment
//! - [`forget_user`]: removes what is stored of a user

pub mod deploy;
pub mod drop_version;
pub mod forget_user;
pub mod label_segment;
pub mod transfer;
