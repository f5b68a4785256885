//! `segrec_deploy`, `segrec_rollback`, `segrec_drop_version`.

use crate::commands::{deploy, drop_version};
use crate::error::or_raise;
use pgrx::prelude::*;

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_deploy(model: Option<&str>, version: Option<i32>) {
    or_raise(deploy::deploy(model, version));
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_rollback(model: Option<&str>) -> i32 {
    or_raise(deploy::rollback(model))
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_drop_version(model: Option<&str>, version: Option<i32>) {
    or_raise(drop_version::drop_version(model, version));
}
