//! Models: their definitions, owners, grants and functions.
//!
//! - [`model`]: a row of the table of models
//! - [`find`]: looks up models that the caller may see
//! - [`model_rows`]: the rows that define a model, for caching
//! - [`change`]: stores and changes models, and deploys versions
//! - [`locks`]: locks on their rows
//! - [`owners`], [`grants`]: owners, and privileges of other roles
//! - [`functions`]: functions of one model in a schema of its users

mod change;
mod find;
pub mod functions;
pub mod grants;
mod locks;
mod model;
mod model_rows;
pub mod owners;

pub use change::{Swapped, bind, deploy, insert, set_found, set_options, swapped};
pub use find::{
    Answers, Wanted, find, find_wanted, is_uncommitted, names, names_by, trainable, trainable_like, usable,
};
pub use locks::{keep, lock_holder, lock_row, take};
pub use model::{ColumnNames, EventsSource, Model, NewModel, RelationRef};
pub use model_rows::{ModelRows, grantees};
