//! Who acts, and what they may do.
//!
//! - [`rights`]: what the current role may read
//! - [`owner`]: acting as the owner of the catalog for a moment
//! - [`search_path`]: where the caller's names are looked for

pub mod owner;
pub mod rights;
pub mod search_path;
