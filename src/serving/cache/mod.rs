//! The file through which all sessions share a deployed version: written once from the version's tables,
//! mapped by whoever serves it, so that a session holds nothing of it itself.
//!
//! - [`format`]: what stands where in it
//! - [`open`]: opens the file of a version
//! - [`file`]: a file as it is mapped, each part verified before it is first read
//! - [`write`]: from tables to a file
//! - [`damage`]: what happens to a file that is damaged
//!
//! The tables are the truth. A file that is missing, of another format or damaged is written again; that of a
//! version that is not deployed any more goes when the next one is written.

mod damage;
pub mod file;
pub mod format;
mod open;
mod write;

pub use file::CacheFile;
pub use open::open;
