//! `segrec_predict`, `segrec_explain`, `segrec_similar_items`: for ids of type bigint, uuid and text.

use super::recommend::{SqlId, count};
use crate::error::{Result, or_raise};
use crate::pg::datums::text::Text;
use crate::serving::version::ServedVersion;
use crate::serving::{self, retry_after_cache_damage};
use pgrx::Uuid;
use pgrx::prelude::*;

/// Rows of an explanation: the item, its total contribution, and the parts through factors and neighbours.
type Reasons<T> = Vec<(Option<T>, f32, f32, f32)>;

fn predict<T: SqlId>(user: Option<&T>, item: Option<&T>, model: Option<&str>) -> Option<f32> {
    let (user, item) = (user?, item?);
    or_raise(retry_after_cache_damage(|| serving::predict(user.id(), item.id(), T::KIND, model)))
}

fn explain<T: SqlId>(user: Option<&T>, item: Option<&T>, model: Option<&str>) -> Reasons<T> {
    let (Some(user), Some(item)) = (user, item) else {
        return Vec::new();
    };
    let Some((version, reasons)) =
        or_raise(retry_after_cache_damage(|| serving::explain(user.id(), item.id(), T::KIND, model)))
    else {
        return Vec::new();
    };
    let rows = reasons.into_iter().map(|reason| {
        let item = reason.item.and_then(|item| value(&version, item));
        let total = reason.factors + reason.neighbours;
        (item, total as f32, reason.factors as f32, reason.neighbours as f32)
    });
    rows.collect()
}

fn similar<T: SqlId>(item: Option<&T>, n: Option<i64>, model: Option<&str>) -> Vec<(i32, T, f32)> {
    let found = |item: &T| -> Result<_> { serving::similar_items(item.id(), T::KIND, count(n)?, model) };
    let Some(item) = item else {
        return Vec::new();
    };
    let (version, items) = or_raise(retry_after_cache_damage(|| found(item)));
    let rows = (1..).zip(items).filter_map(|(rank, own)| Some((rank, value(&version, own.item)?, own.score)));
    rows.collect()
}

fn value<T: SqlId>(version: &ServedVersion, item: u32) -> Option<T> {
    T::value(version.item_ids().get(item as usize))
}

#[pg_extern(sql = false)]
fn segrec_predict_bigint(user_id: Option<i64>, item_id: Option<i64>, model: Option<Text>) -> Option<f32> {
    predict(user_id.as_ref(), item_id.as_ref(), model.as_deref())
}

#[pg_extern(sql = false)]
fn segrec_explain_bigint(
    user_id: Option<i64>,
    item_id: Option<i64>,
    model: Option<Text>,
) -> TableIterator<
    'static,
    (name!(item_id, Option<i64>), name!(contribution, f32), name!(factors, f32), name!(neighbours, f32)),
> {
    TableIterator::new(explain(user_id.as_ref(), item_id.as_ref(), model.as_deref()))
}

#[pg_extern(sql = false)]
fn segrec_similar_items_bigint(
    item_id: Option<i64>,
    n: Option<i64>,
    model: Option<Text>,
) -> TableIterator<'static, (name!(rank, i32), name!(item_id, i64), name!(score, f32))> {
    TableIterator::new(similar(item_id.as_ref(), n, model.as_deref()))
}

#[pg_extern(sql = false)]
fn segrec_predict_uuid(user_id: Option<Uuid>, item_id: Option<Uuid>, model: Option<Text>) -> Option<f32> {
    predict(user_id.as_ref(), item_id.as_ref(), model.as_deref())
}

#[pg_extern(sql = false)]
fn segrec_explain_uuid(
    user_id: Option<Uuid>,
    item_id: Option<Uuid>,
    model: Option<Text>,
) -> TableIterator<
    'static,
    (name!(item_id, Option<Uuid>), name!(contribution, f32), name!(factors, f32), name!(neighbours, f32)),
> {
    TableIterator::new(explain(user_id.as_ref(), item_id.as_ref(), model.as_deref()))
}

#[pg_extern(sql = false)]
fn segrec_similar_items_uuid(
    item_id: Option<Uuid>,
    n: Option<i64>,
    model: Option<Text>,
) -> TableIterator<'static, (name!(rank, i32), name!(item_id, Uuid), name!(score, f32))> {
    TableIterator::new(similar(item_id.as_ref(), n, model.as_deref()))
}

#[pg_extern(sql = false)]
fn segrec_predict_text(user_id: Option<Text>, item_id: Option<Text>, model: Option<Text>) -> Option<f32> {
    predict(user_id.as_ref(), item_id.as_ref(), model.as_deref())
}

#[pg_extern(sql = false)]
fn segrec_explain_text(
    user_id: Option<Text>,
    item_id: Option<Text>,
    model: Option<Text>,
) -> TableIterator<
    'static,
    (name!(item_id, Option<Text>), name!(contribution, f32), name!(factors, f32), name!(neighbours, f32)),
> {
    TableIterator::new(explain(user_id.as_ref(), item_id.as_ref(), model.as_deref()))
}

#[pg_extern(sql = false)]
fn segrec_similar_items_text(
    item_id: Option<Text>,
    n: Option<i64>,
    model: Option<Text>,
) -> TableIterator<'static, (name!(rank, i32), name!(item_id, Text), name!(score, f32))> {
    TableIterator::new(similar(item_id.as_ref(), n, model.as_deref()))
}
