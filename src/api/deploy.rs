//! `segrec_deploy`, `segrec_rollback`, `segrec_drop_version`.

use crate::commands::versions::{deploy, drop_version};
use crate::error::or_raise;
use crate::pg::datums::integer::{Integer, number};
use crate::pg::datums::text::Text;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn segrec_deploy(model: Option<Text>, version: Option<Integer>) {
    or_raise(deploy::deploy(model.as_deref(), number(version)));
}

#[pg_extern(sql = false)]
fn segrec_rollback(model: Option<Text>) -> i32 {
    or_raise(deploy::rollback(model.as_deref()))
}

#[pg_extern(sql = false)]
fn segrec_drop_version(model: Option<Text>, version: Option<Integer>) {
    or_raise(drop_version::drop_version(model.as_deref(), number(version)));
}
