//! `segrec_recommend_segment`, `segrec_similar_users`, `segrec_audience`: functions that compare many users.

use super::recommend::{Allowed, Lines, SqlId, count, ids, lines};
use crate::error::{Result, SegrecError, or_raise};
use crate::pg::datums::id_lists::{Filter, List};
use crate::pg::datums::id_text::parse_id;
use crate::pg::datums::integer::Integer;
use crate::pg::datums::text::Text;
use crate::serving::{self, retry_after_cache_damage};
use pgrx::Uuid;
use pgrx::prelude::*;

/// Rows of users: rank, user, and similarity or score.
type Users<T> = Vec<(i32, T, f32)>;

fn ranked<T: SqlId>(users: Vec<(String, f32)>) -> Users<T> {
    let value = |id: &str| T::value(parse_id(id, T::KIND)?);
    (1..).zip(users).filter_map(|(rank, (id, value_of))| Some((rank, value(&id)?, value_of))).collect()
}

fn similar_users<T: SqlId>(user: Option<&T>, n: Option<i64>, model: Option<&str>) -> Users<T> {
    let found = |user: &T| -> Result<_> { serving::similar_users(user.id(), count(n)?, model) };
    user.map_or_else(Vec::new, |user| ranked(or_raise(retry_after_cache_damage(|| found(user)))))
}

fn audience<T: SqlId>(
    item: Option<&T>,
    n: Option<i64>,
    model: Option<&str>,
    exclude_seen: Option<bool>,
    candidates: &Filter<Text>,
    exclude: Option<&List<Text>>,
) -> Users<Text> {
    let found = |item: &T| -> Result<_> {
        let exclude_seen = exclude_seen.ok_or(SegrecError::NullArgument { argument: "exclude_seen" })?;
        let exclude = exclude.map(|List(users)| ids(users)).unwrap_or_default();
        let of_users = (candidates.0.as_deref().map(ids), exclude);
        let of_users = (of_users.0.as_deref(), &of_users.1[..]);
        serving::audience(item.id(), T::KIND, count(n)?, model, exclude_seen, of_users)
    };
    item.map_or_else(Vec::new, |item| ranked(or_raise(retry_after_cache_damage(|| found(item)))))
}

#[pg_extern(sql = false)]
fn segrec_recommend_segment(
    segment: Option<Integer>,
    n: Option<i64>,
    model: Option<Text>,
    candidates: Filter<Text>,
    exclude: Option<List<Text>>,
    max_per_group: Option<i64>,
    skip: Option<i64>,
) -> TableIterator<
    'static,
    (name!(rank, i32), name!(item_id, Text), name!(score, f32), name!(source, &'static str)),
> {
    let allowed = Allowed { candidates, exclude, max_per_group, skip };
    let found = || -> Result<Lines<Text>> {
        let Integer(segment) = segment.ok_or(SegrecError::NullArgument { argument: "segment" })?;
        let selection = allowed.selection()?;
        Ok(lines(&serving::recommend_segment(segment, count(n)?, model.as_deref(), &selection)?))
    };
    TableIterator::new(or_raise(retry_after_cache_damage(found)))
}

/// Functions for ids of one type.
macro_rules! of_ids {
    ($id:ident: $similar_users:ident, $audience:ident) => {
        #[pg_extern(sql = false)]
        fn $similar_users(
            user_id: Option<$id>,
            n: Option<i64>,
            model: Option<Text>,
        ) -> TableIterator<'static, (name!(rank, i32), name!(user_id, $id), name!(similarity, f32))> {
            TableIterator::new(similar_users(user_id.as_ref(), n, model.as_deref()))
        }

        #[pg_extern(sql = false)]
        fn $audience(
            item_id: Option<$id>,
            n: Option<i64>,
            model: Option<Text>,
            exclude_seen: Option<bool>,
            candidates: Filter<Text>,
            exclude: Option<List<Text>>,
        ) -> TableIterator<'static, (name!(rank, i32), name!(user_id, Text), name!(score, f32))> {
            TableIterator::new(audience(
                item_id.as_ref(),
                n,
                model.as_deref(),
                exclude_seen,
                &candidates,
                exclude.as_ref(),
            ))
        }
    };
}

of_ids!(i64: segrec_similar_users_bigint, segrec_audience_bigint);
of_ids!(Uuid: segrec_similar_users_uuid, segrec_audience_uuid);
of_ids!(Text: segrec_similar_users_text, segrec_audience_text);
