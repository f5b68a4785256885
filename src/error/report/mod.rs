//! From an error to what PostgreSQL is told: the SQLSTATE, a message that is lower-case and names the values, a DETAIL that
//! is a fact, a HINT that is what to do.
//!
//! - [`of_error`]: finds the report of an error
//! - [`arguments`], [`models`], [`sources`], [`trainings`], [`system`]: the reports, by what errors are about
//! - [`text`]: how names, numbers and holders are written

mod arguments;
mod models;
mod of_error;
mod sources;
mod system;
mod text;
mod trainings;

pub use text::{Report, counted};
