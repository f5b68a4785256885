//! Creates, changes and drops models.
//!
//! - [`create`]: creates a model
//! - [`alter`]: changes options
//! - [`rebind`]: points a model at other relations
//! - [`change_owner`]: gives a model to another role
//! - [`rules`]: rules that decide what lists show
//! - [`functions`]: creates functions for one model
//! - [`drop`]: drops a model and everything that belongs to it
//! - [`options`]: checks that a model has what its options need

pub mod alter;
pub mod change_owner;
pub mod create;
pub mod drop;
pub mod functions;
pub mod options;
pub mod rebind;
pub mod rules;
