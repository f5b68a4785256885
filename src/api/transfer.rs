//! `segrec_export`, `segrec_import`.

use crate::commands::versions::transfer;
use crate::error::or_raise;
use crate::pg::datums::integer::{Integer, number};
use crate::pg::datums::regclass::Regclass;
use crate::pg::datums::text::Text;
use crate::pg::executor::visibility::stable;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn segrec_export(
    model: Option<Text>,
    version: Option<Integer>,
) -> TableIterator<'static, (name!(part, Text), name!(content, Text))> {
    let rows = or_raise(stable(|| transfer::export(model.as_deref(), number(version))));
    TableIterator::new(rows.map(|(part, content)| (part.into(), content.into())))
}

#[pg_extern(sql = false)]
fn segrec_import(model: Option<Text>, relation: Option<Regclass>) -> i32 {
    or_raise(transfer::import(model.as_deref(), relation.map(|Regclass(relation)| relation)))
}
