//! Planner support functions.

use crate::pg::executor::planner::rows_of;
use pgrx::Internal;
use pgrx::prelude::*;

/// The index of the argument `n` in all functions that return up to `n` rows.
const N: usize = 1;

#[pg_extern(sql = false)]
fn rows_of_n(question: Internal) -> Internal {
    rows_of(question, N)
}
