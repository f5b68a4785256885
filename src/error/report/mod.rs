//! Converts errors to PostgreSQL reports: the SQLSTATE; a lower-case message that quotes the values; a DETAIL that
//! states facts; and a HINT that says what to do.
//!
//! - [`of_error`]: dispatches an error to its category
//! - [`arguments`], [`models`], [`sources`], [`trainings`], [`system`]: the categories
//! - [`text`]: formats names, numbers and lock holders

mod arguments;
mod models;
mod of_error;
mod sources;
mod system;
mod text;
mod trainings;

pub use text::{Report, counted};
