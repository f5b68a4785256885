//! Metrics of any lists and rows: `segrec_precision` and related functions, `segrec_rmse`, `segrec_mae`, `segrec_mse`,
//! `segrec_auc`, `segrec_gini`. In SQL they are aggregates, or calls of one function with the name of a metric:
//! `sql/schema/metrics.sql`.

use crate::aggregates::list_metrics;
use crate::aggregates::state::State;
use crate::aggregates::value_metrics::{self, ErrorMetric};
use crate::error::{SegrecError, or_raise};
use crate::pg::datums::integer::{Integer, number};
use crate::pg::executor::aggregate::{Aggregate, Carried, Held};
use pgrx::Uuid;
use pgrx::prelude::*;

fn list_metric<T: Ord>(
    metric: Option<&[u8]>,
    recommended: Option<impl Iterator<Item = Option<T>>>,
    relevant: Option<impl Iterator<Item = Option<T>>>,
    k: Option<Integer>,
) -> Option<f64> {
    let named = |name: &[u8]| {
        let name = String::from_utf8_lossy(name);
        name.parse().map_err(|_| SegrecError::UnknownMetric { metric: name.into_owned() })
    };
    let metric = metric.ok_or(SegrecError::NullArgument { argument: "metric" }).and_then(named);
    let (recommended, relevant) = (recommended.into_iter().flatten(), relevant.into_iter().flatten());
    or_raise(metric.and_then(|metric| list_metrics::measure(metric, recommended, relevant, number(k))))
}

#[pg_extern(sql = false)]
fn segrec_list_metric_bigint(
    metric: Option<&[u8]>,
    recommended: Option<Array<'_, i64>>,
    relevant: Option<Array<'_, i64>>,
    k: Option<Integer>,
) -> Option<f64> {
    list_metric(metric, recommended.as_ref().map(Array::iter), relevant.as_ref().map(Array::iter), k)
}

#[pg_extern(sql = false)]
fn segrec_list_metric_uuid(
    metric: Option<&[u8]>,
    recommended: Option<Array<'_, Uuid>>,
    relevant: Option<Array<'_, Uuid>>,
    k: Option<Integer>,
) -> Option<f64> {
    list_metric(metric, recommended.as_ref().map(Array::iter), relevant.as_ref().map(Array::iter), k)
}

#[pg_extern(sql = false)]
fn segrec_list_metric_text(
    metric: Option<&[u8]>,
    recommended: Option<Array<'_, &[u8]>>,
    relevant: Option<Array<'_, &[u8]>>,
    k: Option<Integer>,
) -> Option<f64> {
    list_metric(metric, recommended.as_ref().map(Array::iter), relevant.as_ref().map(Array::iter), k)
}

#[pg_extern(sql = false)]
fn segrec_errors_step(
    state: Option<Carried<'_, State>>,
    predicted: Option<f64>,
    actual: Option<f64>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    or_raise(value_metrics::add_error(state, predicted, actual, &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_rmse_final(state: Carried<'_, State>) -> f64 {
    or_raise(value_metrics::error_metric(&state, ErrorMetric::Rmse))
}

#[pg_extern(sql = false)]
fn segrec_mae_final(state: Carried<'_, State>) -> f64 {
    or_raise(value_metrics::error_metric(&state, ErrorMetric::Mae))
}

#[pg_extern(sql = false)]
fn segrec_mse_final(state: Carried<'_, State>) -> f64 {
    or_raise(value_metrics::error_metric(&state, ErrorMetric::Mse))
}

#[pg_extern(sql = false)]
fn segrec_auc_step(
    state: Option<Carried<'_, State>>,
    score: Option<f64>,
    relevant: Option<bool>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    or_raise(value_metrics::add_score(state, score, relevant, &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_auc_final(state: Carried<'_, State>) -> Option<f64> {
    or_raise(value_metrics::auc(&state))
}

#[pg_extern(sql = false)]
fn segrec_gini_step(
    state: Option<Carried<'_, State>>,
    value: Option<f64>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    or_raise(value_metrics::add_number(state, value, &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_gini_final(state: Carried<'_, State>) -> Option<f64> {
    or_raise(value_metrics::gini_coefficient(&state))
}
