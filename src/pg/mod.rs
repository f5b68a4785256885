//! The only `unsafe` of the extension: what PostgreSQL offers only to C, in safe forms.
//!
//! - [`datums`]: values between PostgreSQL's memory and Rust's, as arguments, results, parameters and columns
//! - [`executor`]: queries and their rows, relations, snapshots, and the state that an aggregate carries
//! - [`files`]: files in the folder for temporary files, which all sessions share
//! - [`process`]: the process itself: its memory, threads, interrupts and locks, and processes in the background
//! - [`security`]: who the current role is, what it may read, and acting as the owner of the catalog

pub mod datums;
pub mod executor;
pub mod files;
pub mod process;
pub mod security;
