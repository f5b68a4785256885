//! `segrec_evaluate`, `segrec_cross_validate`, `segrec_compare`.

use crate::commands::evaluation::{compare, evaluate, test_events};
use crate::commands::studies::cross_validate;
use crate::error::or_raise;
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
    ),
> {
    let measured = || match test {
        None => evaluate::evaluate(model.as_deref(), k.map(|List(k)| k), per_segment),
        Some(Regclass(test)) => {
            test_events::evaluate(model.as_deref(), k.map(|List(k)| k), test, per_segment)
        }
    };
    TableIterator::new(or_raise(stable(measured)).into_iter().map(|row| {
        let (low, high) = row.interval.unzip();
        (row.metric, row.k, row.segment, row.value, low, high, row.baseline, row.users)
    }))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn segrec_cross_validate(
    model: Option<Text>,
    folds: Option<i64>,
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
    ),
> {
    let rows = or_raise(stable(|| cross_validate::cross_validate(model.as_deref(), folds)));
    TableIterator::new(
        rows.into_iter()
            .map(|row| (row.fold, row.metric, row.k, row.value, row.deviation, row.baseline, row.users)),
    )
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
