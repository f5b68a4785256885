//! The cache file of a deployed version. It is written once from the version's tables and mapped by all sessions that
//! serve the version, so that no session needs memory of its own for it.
//!
//! - [`format`]: the layout
//! - [`open`]: opens the file of a version, or writes it first
//! - [`file`]: a mapped file, whose sections are verified before they are first read
//! - [`write`]: writes a file from the tables
//! - [`damage`]: handling of damaged files
//!
//! The tables are authoritative. A file that is missing, damaged or of another format is rewritten. The file of a
//! version that is no longer deployed is deleted when the next one is written.

mod damage;
pub mod file;
pub mod format;
mod open;
mod write;

pub use file::CacheFile;
pub use open::open;
