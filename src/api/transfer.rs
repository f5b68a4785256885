//! `segrec_export`, `segrec_import`.

use crate::commands::transfer;
use crate::error::or_raise;
use pgrx::PgRelation;
use pgrx::prelude::*;

#[pg_extern(stable, parallel_restricted)]
fn segrec_export(
    model: Option<&str>,
    version: default!(Option<i32>, "NULL"),
) -> TableIterator<'static, (name!(part, String), name!(content, String))> {
    TableIterator::new(or_raise(transfer::export(model, version)))
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_import(model: Option<&str>, relation: Option<PgRelation>) -> i32 {
    or_raise(transfer::import(model, relation.map(|relation| relation.oid())))
}
