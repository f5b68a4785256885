//! What the planner asks of the functions: support functions.

use crate::pg::executor::planner::rows_of;
use pgrx::Internal;
use pgrx::prelude::*;

/// The second argument of all functions that return up to `n` rows.
const N: usize = 1;

#[pg_extern(sql = false)]
fn rows_of_n(question: Internal) -> Internal {
    rows_of(question, N)
}
