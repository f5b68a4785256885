//! `segrec_evaluate`, `segrec_cross_validate`, `segrec_compare`.

use crate::commands::evaluation::{cold, compare, evaluate, test_events};
use crate::commands::studies::cross_validate::FoldMetric;
use crate::commands::studies::{cold_folds, cross_validate};
use crate::error::{SegrecError, or_raise};
use crate::pg::datums::id_lists::List;
use crate::pg::datums::integer::{Integer, number};
use crate::pg::datums::regclass::Regclass;
use crate::pg::datums::text::Text;
use crate::pg::executor::visibility::stable;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn segrec_evaluate(
    model: Option<Text>,
    k: Option<List<i64>>,
    test: Option<Regclass>,
    per_segment: Option<bool>,
    cold: Option<Text>,
) -> TableIterator<
    'static,
    (
        name!(metric, &'static str),
        name!(k, i32),
        name!(segment, Option<i32>),
        name!(value, f64),
        name!(ci_low, Option<f64>),
        name!(ci_high, Option<f64>),
        name!(baseline, f64),
        name!(users, i64),
        name!(scope, Option<&'static str>),
        name!(ranked_by, Option<&'static str>),
    ),
> {
    let cuts = |k: Option<List<i64>>| k.map(|List(k)| k);
    let measured = || match (cold::parse(cold.as_deref())?, test) {
        (Some(_), Some(_)) => Err(SegrecError::ColdWith { argument: "test" }),
        (Some(cold), None) => match per_segment {
            Some(false) => cold::evaluate(model.as_deref(), cuts(k), cold),
            Some(true) => Err(SegrecError::ColdWith { argument: "per_segment" }),
            None => Err(SegrecError::NullArgument { argument: "per_segment" }),
        },
        (None, None) => evaluate::evaluate(model.as_deref(), cuts(k), per_segment),
        (None, Some(Regclass(test))) => test_events::evaluate(model.as_deref(), cuts(k), test, per_segment),
    };
    TableIterator::new(or_raise(stable(measured)).into_iter().map(|row| {
        let (low, high) = row.interval.unzip();
        let (scope, ranked_by) = row.ranked.unzip();
        (row.metric, row.k, row.segment, row.value, low, high, row.baseline, row.users, scope, ranked_by)
    }))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn segrec_cross_validate(
    model: Option<Text>,
    folds: Option<i64>,
    cold: Option<Text>,
) -> TableIterator<
    'static,
    (
        name!(fold, Option<i32>),
        name!(metric, &'static str),
        name!(k, i32),
        name!(value, f64),
        name!(deviation, Option<f64>),
        name!(baseline, f64),
        name!(users, i64),
        name!(scope, Option<&'static str>),
        name!(ranked_by, Option<&'static str>),
    ),
> {
    let measured = || match cold::parse(cold.as_deref())? {
        Some(cold) => cold_folds::cross_validate(model.as_deref(), folds, cold),
        None => cross_validate::cross_validate(model.as_deref(), folds),
    };
    TableIterator::new(or_raise(stable(measured)).into_iter().map(|row| {
        let (scope, ranked_by) = row.ranked.unzip();
        let FoldMetric { fold, metric, k, value, deviation, baseline, users, .. } = row;
        (fold, metric, k, value, deviation, baseline, users, scope, ranked_by)
    }))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn segrec_compare(
    model: Option<Text>,
    version: Option<Integer>,
    other: Option<Integer>,
) -> TableIterator<
    'static,
    (
        name!(metric, &'static str),
        name!(k, i32),
        name!(value, f64),
        name!(other_value, f64),
        name!(difference, f64),
        name!(ci_low, Option<f64>),
        name!(ci_high, Option<f64>),
        name!(users, i64),
    ),
> {
    let rows = or_raise(stable(|| compare::compare(model.as_deref(), number(version), number(other))));
    TableIterator::new(rows.into_iter().map(|row| {
        let (low, high) = row.interval.unzip();
        let difference = row.value - row.other;
        (row.metric, row.k as i32, row.value, row.other, difference, low, high, row.users as i64)
    }))
}
