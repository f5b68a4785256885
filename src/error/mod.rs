//! Errors of the extension, and how they are reported.
//!
//! - [`segrec_error`]: all errors
//! - [`unusable_rows`]: counts of rows that cannot be used
//! - [`report`]: converts errors to PostgreSQL reports; the only place that assigns SQLSTATEs
//! - [`raise`]: raises errors, and sends notices

mod raise;
mod report;
mod segrec_error;
mod unusable_rows;

pub use raise::{log, notice, or_raise, warning};
pub use report::counted;
pub use segrec_error::{FeatureProblem, Holder, MemoryLimit, Result, SegrecError};
pub use unusable_rows::{BadIds, BadRows, LONGEST_ID};
