//! Rights and roles.
//!
//! - [`rights`]: what the current role may read and do
//! - [`owner`]: acts as the owner of the catalog
//! - [`search_path`]: the schemas of the caller's search path

pub mod owner;
pub mod rights;
pub mod search_path;
