//! What PostgreSQL's executor, planner and catalog caches do for us.
//!
//! - [`query`]: queries whose rows pass one by one, compared with the relation that they are to read
//! - [`row`]: one row while it passes
//! - [`visibility`]: what queries see of changes
//! - [`error_context`]: the CONTEXT of errors that come out of what a query reads
//! - [`relation`]: relations of users, held while they are read
//! - [`index_lookup`]: rows by a key, without the executor
//! - [`snapshot`]: see what was committed since the statement began
//! - [`aggregate`]: the state that an aggregate carries from row to row
//! - [`planner`]: what the planner asks of our functions
//! - [`statistics`]: what the planner keeps of the contents of tables
//! - [`foreign_setting`]: what is set for other extensions

pub mod aggregate;
pub mod error_context;
pub mod foreign_setting;
pub mod index_lookup;
pub mod planner;
pub mod query;
pub mod relation;
pub mod row;
pub mod snapshot;
pub mod statistics;
pub mod visibility;
