//! `segrec_deploy`, `segrec_rollback`, `segrec_drop_version`, `segrec_refresh_items`.

use crate::commands::versions::{deploy, drop_version, refresh_items};
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

#[pg_extern(sql = false)]
fn segrec_refresh_items(
    model: Option<Text>,
    most_withdrawn: Option<f64>,
) -> TableIterator<'static, (name!(added, i64), name!(withdrawn, i64), name!(restored, i64))> {
    let refreshed = or_raise(refresh_items::refresh_items(model.as_deref(), most_withdrawn));
    TableIterator::once((refreshed.added, refreshed.withdrawn, refreshed.restored))
}
