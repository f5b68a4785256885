//! Creating, changing and dropping models.
//!
//! - [`create`]: checks everything about a model before it is stored
//! - [`alter`]: changes options
//! - [`rebind`]: reads other relations
//! - [`change_owner`]: gives a model to another role
//! - [`functions`]: functions of one model
//! - [`drop`]: takes a model away with all that it has
//! - [`options`]: options that need an argument of the model

pub mod alter;
pub mod change_owner;
pub mod create;
pub mod drop;
pub mod functions;
pub mod options;
pub mod rebind;
