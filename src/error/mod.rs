//! Everything that can go wrong.
//!
//! - [`segrec_error`]: the errors
//! - [`unusable_rows`]: what is wrong with rows that cannot be used
//! - [`report`]: what PostgreSQL is told of an error, and the only place that knows SQLSTATEs
//! - [`raise`]: errors and notices on their way out

mod raise;
mod report;
mod segrec_error;
mod unusable_rows;

pub use raise::{log, notice, or_raise, warning};
pub use report::counted;
pub use segrec_error::{FeatureProblem, Holder, MemoryLimit, Result, SegrecError};
pub use unusable_rows::{BadIds, BadRows, LONGEST_ID};
