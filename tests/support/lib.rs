//! The harness of the integration tests: throwaway PostgreSQL clusters and sessions on them.
//!
//! A test takes a database of its own, in which the extension is installed, and talks SQL to it:
//!
//! ```ignore
//! let database = Cluster::shared().database("unknown_user");
//! let mut session = database.connect();
//! let error = session.expect_error("SELECT segrec_segment_of(-1, 'nosuch')");
//! assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
//! ```
//!
//! A test that restarts, kills or configures a server starts its own: [`Cluster::start`], [`Cluster::configure`].
//! `scripts/test` sets `SEGREC_SERVER` to the server whose programs are used, and `SEGREC_OLDER_SERVERS` to those that
//! may be upgraded from.

#![forbid(unsafe_code)]

pub mod attempts;
mod cleanup;
mod cluster;
mod database;
pub mod document;
pub mod leftovers;
mod limits;
pub mod overloads;
pub mod packages;
pub mod planted;
mod rounds;
mod session;

use std::path::{Path, PathBuf};

pub use cluster::{Cluster, Configuration, Shutdown, older_servers};
pub use database::Database;
pub use limits::{limit_addresses, limited_group, remove_group};
pub use postgres::error::{DbError, SqlState};
pub use rounds::{draws, rounds};
pub use session::Session;

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
