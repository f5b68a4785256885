//! All `unsafe` code of the extension: safe wrappers around PostgreSQL's C interfaces.
//!
//! - [`datums`]: converts values between PostgreSQL and Rust
//! - [`executor`]: queries, relations, snapshots, and aggregate states
//! - [`files`]: files shared by all sessions, in the directory for temporary files
//! - [`process`]: memory, threads, interrupts, locks, and background workers
//! - [`security`]: rights of the current role, and acting as the owner of the catalog

pub mod datums;
pub mod executor;
pub mod files;
pub mod process;
pub mod security;
