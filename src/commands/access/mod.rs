//! Which model a call means, and what the caller may do with it.
//!
//! - [`privileges`]: finding a model that the caller may use, train or own, and locking it
//! - [`grant`]: giving other roles privileges, and taking them back

pub mod grant;
pub mod privileges;
