//! `segrec_forget_user` (for ids of type bigint, uuid and text).

use super::recommend::SqlId;
use crate::commands::versions::forget_user;
use crate::error::or_raise;
use crate::pg::datums::text::Text;
use pgrx::Uuid;
use pgrx::prelude::*;

/// The numbers of deleted rows, by the view that showed them.
type Rows = TableIterator<'static, (name!(relation, &'static str), name!(rows, i64))>;

fn forget<T: SqlId>(model: Option<&str>, user: Option<&T>) -> Rows {
    let forgotten = or_raise(forget_user::forget_user(model, user.map(SqlId::id)));
    TableIterator::new([("segment_members", forgotten.members), ("segment_history", forgotten.history)])
}

#[pg_extern(sql = false)]
fn segrec_forget_user_bigint(
    model: Option<Text>,
    user_id: Option<i64>,
) -> TableIterator<'static, (name!(relation, &'static str), name!(rows, i64))> {
    forget(model.as_deref(), user_id.as_ref())
}

#[pg_extern(sql = false)]
fn segrec_forget_user_uuid(
    model: Option<Text>,
    user_id: Option<Uuid>,
) -> TableIterator<'static, (name!(relation, &'static str), name!(rows, i64))> {
    forget(model.as_deref(), user_id.as_ref())
}

#[pg_extern(sql = false)]
fn segrec_forget_user_text(
    model: Option<Text>,
    user_id: Option<Text>,
) -> TableIterator<'static, (name!(relation, &'static str), name!(rows, i64))> {
    forget(model.as_deref(), user_id.as_ref())
}
