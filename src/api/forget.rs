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

/// Functions for ids of one type.
macro_rules! of_ids {
    ($id:ident: $forget_user:ident) => {
        #[pg_extern(sql = false)]
        fn $forget_user(
            model: Option<Text>,
            user_id: Option<$id>,
        ) -> TableIterator<'static, (name!(relation, &'static str), name!(rows, i64))> {
            forget(model.as_deref(), user_id.as_ref())
        }
    };
}

of_ids!(i64: segrec_forget_user_bigint);
of_ids!(Uuid: segrec_forget_user_uuid);
of_ids!(Text: segrec_forget_user_text);
