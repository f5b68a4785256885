//! skeleton
use pgrx::prelude::*;
pgrx::pg_module_magic!();
/// hello
#[pg_extern]
fn segrec_hello() -> i32 { 1 }
