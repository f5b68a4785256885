//! Interfaces to PostgreSQL's executor, planner and catalog caches.
//!
//! - [`query`]: streams the rows of a query, and verifies which relation it reads
//! - [`generic_plan`]: what the planner says of a query
//! - [`row`]: one row of a result
//! - [`visibility`]: which changes queries see
//! - [`error_context`]: preserves the CONTEXT of errors raised while a query reads
//! - [`relation`]: users' relations, locked while they are read
//! - [`index_lookup`]: looks up rows without the executor
//! - [`snapshot`]: snapshots newer than that of the statement
//! - [`aggregate`]: Rust values as aggregate states
//! - [`planner`]: support functions for the planner, and its costs
//! - [`statistics`]: removes the planner's statistics of a column
//! - [`foreign_setting`]: settings of other extensions

pub mod aggregate;
pub mod error_context;
pub mod foreign_setting;
pub mod generic_plan;
pub mod index_lookup;
pub mod planner;
pub mod query;
pub mod relation;
pub mod row;
pub mod snapshot;
pub mod statistics;
pub mod visibility;
