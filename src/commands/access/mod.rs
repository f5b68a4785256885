//! Finds the model of a call, and manages privileges on models.
//!
//! - [`privileges`]: finds and locks a model that the caller may use, train or own
//! - [`grant`]: grants and revokes privileges

pub mod grant;
pub mod privileges;
