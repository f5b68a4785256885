//! `segrec_predict`, `segrec_explain`, `segrec_similar_items`: for ids of type bigint, uuid and text.

use super::recommend::{Allowed, SqlId, count};
use crate::error::{Result, or_raise};
use crate::pg::datums::id_lists::{Filter, List};
use crate::pg::datums::text::Text;
use crate::serving::version::ServedVersion;
use crate::serving::{self, Explanation, Reason, retry_after_cache_damage};
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use segrec_engine::ranking::Scored;
use serde_json::{Value, json};

/// Rows of an explanation: the item, its total contribution, the parts through factors (or ratings) and neighbours, the
/// part through each scorer, by which columns it resembles the explained item, its weight in the history, and the rules
/// that are about the explained item.
type Reasons<T> = Vec<(Option<T>, f32, f32, f32, JsonB, Option<JsonB>, Option<f32>, Vec<i64>)>;

fn predict<T: SqlId>(user: Option<&T>, item: Option<&T>, model: Option<&str>) -> Option<f32> {
    let (user, item) = (user?, item?);
    or_raise(retry_after_cache_damage(|| serving::predict(user.id(), item.id(), T::KIND, model)))
}

fn explain<T: SqlId>(user: Option<&T>, item: Option<&T>, model: Option<&str>) -> Reasons<T> {
    let (Some(user), Some(item)) = (user, item) else {
        return Vec::new();
    };
    let Some(Explanation { version, scorers, mut reasons, rules }) =
        or_raise(retry_after_cache_damage(|| serving::explain(user.id(), item.id(), T::KIND, model)))
    else {
        return Vec::new();
    };
    if reasons.is_empty() && !rules.is_empty() {
        reasons.push(Reason { item: None, weight: None, contributions: Vec::new(), features: None });
    }
    let rows = reasons.into_iter().map(|reason| {
        let by_scorer = || scorers.iter().zip(&reason.contributions);
        let of = |names: &[&str]| -> f64 {
            by_scorer()
                .filter(|(name, _)| names.contains(&name.as_str()))
                .fold(0.0, |sum, (_, value)| sum + value)
        };
        let parts = by_scorer().map(|(name, &value)| (name.clone(), shortest(value as f32)));
        let features = |parts: &Vec<(String, f32)>| {
            JsonB(Value::Object(parts.iter().map(|(name, part)| (name.clone(), shortest(*part))).collect()))
        };
        (
            reason.item.and_then(|item| value(&version, item)),
            reason.total() as f32,
            of(&["factors", "ratings", "popularity"]) as f32,
            of(&["neighbours"]) as f32,
            JsonB(Value::Object(parts.collect())),
            reason.features.as_ref().map(features),
            reason.weight,
            rules.clone(),
        )
    });
    rows.collect()
}

/// A number with the digits that PostgreSQL prints of a `real`.
fn shortest(value: f32) -> Value {
    value.to_string().parse().map_or(Value::Null, |value: f64| json!(value))
}

fn similar<T: SqlId>(
    item: Option<&T>,
    n: Option<i64>,
    model: Option<&str>,
    allowed: &Allowed<T>,
) -> Vec<(i32, T, f32)> {
    let found = |item: &T| -> Result<_> {
        let selection = allowed.selection()?;
        let (version, items) = serving::similar_items(item.id(), T::KIND, count(n)?, model, &selection)?;
        Ok((version, selection.skip, items))
    };
    let Some(item) = item else {
        return Vec::new();
    };
    let (version, skip, items) = or_raise(retry_after_cache_damage(|| found(item)));
    let row = |(rank, own): (usize, Scored)| {
        Some((i32::try_from(rank).ok()?, value(&version, own.item)?, own.score))
    };
    let rows = (1 + skip..).zip(items).filter_map(row);
    rows.collect()
}

fn value<T: SqlId>(version: &ServedVersion, item: u32) -> Option<T> {
    T::value(version.item_ids().get(item as usize))
}

/// Functions for ids of one type.
macro_rules! of_ids {
    ($id:ident: $predict:ident, $explain:ident, $similar_items:ident) => {
        #[pg_extern(sql = false)]
        fn $predict(user_id: Option<$id>, item_id: Option<$id>, model: Option<Text>) -> Option<f32> {
            predict(user_id.as_ref(), item_id.as_ref(), model.as_deref())
        }

        #[pg_extern(sql = false)]
        fn $explain(
            user_id: Option<$id>,
            item_id: Option<$id>,
            model: Option<Text>,
        ) -> TableIterator<
            'static,
            (
                name!(item_id, Option<$id>),
                name!(contribution, f32),
                name!(factors, f32),
                name!(neighbours, f32),
                name!(by_scorer, JsonB),
                name!(features, Option<JsonB>),
                name!(weight, Option<f32>),
                name!(rules, Vec<i64>),
            ),
        > {
            TableIterator::new(explain(user_id.as_ref(), item_id.as_ref(), model.as_deref()))
        }

        #[pg_extern(sql = false)]
        fn $similar_items(
            item_id: Option<$id>,
            n: Option<i64>,
            model: Option<Text>,
            candidates: Filter<$id>,
            exclude: Option<List<$id>>,
            max_per_group: Option<i64>,
            skip: Option<i64>,
        ) -> TableIterator<'static, (name!(rank, i32), name!(item_id, $id), name!(score, f32))> {
            let allowed = Allowed { candidates, exclude, max_per_group, skip };
            TableIterator::new(similar(item_id.as_ref(), n, model.as_deref(), &allowed))
        }
    };
}

of_ids!(i64: segrec_predict_bigint, segrec_explain_bigint, segrec_similar_items_bigint);
of_ids!(Uuid: segrec_predict_uuid, segrec_explain_uuid, segrec_similar_items_uuid);
of_ids!(Text: segrec_predict_text, segrec_explain_text, segrec_similar_items_text);
