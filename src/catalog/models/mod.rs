//! The models: their definitions, whose they are, and what belongs to them.
//!
//! - [`model`]: a model as a row
//! - [`find`]: finding models, as the caller may see them
//! - [`model_rows`]: the rows that make a model what it is
//! - [`change`]: storing models, changing them, deploying versions
//! - [`locks`]: locks on their rows
//! - [`owners`], [`grants`]: whose they are, and what other roles may do with them
//! - [`functions`]: functions of one model in a schema of its users'

mod change;
mod find;
pub mod functions;
pub mod grants;
mod locks;
mod model;
mod model_rows;
pub mod owners;

pub use change::{Swapped, bind, deploy, insert, set_options, swapped};
pub use find::{Answers, Wanted, find, find_wanted, is_uncommitted, names, names_by, trainable, usable};
pub use locks::{keep, lock_holder, lock_row, take};
pub use model::{ColumnNames, EventsSource, Model, NewModel, RelationRef};
pub use model_rows::{ModelRows, grantees};
