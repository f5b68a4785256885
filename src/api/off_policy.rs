//! The transition and final functions of the aggregates that evaluate a policy from the log of another:
//! `sql/schema/off_policy.sql`.

use crate::aggregates::off_policy::{self, Limit, Logged};
use crate::aggregates::state::State;
use crate::error::or_raise;
use crate::pg::executor::aggregate::{Aggregate, Carried, Held};
use pgrx::prelude::*;
use segrec_engine::evaluation::off_policy::Estimator;

/// A row without nulls.
fn logged(reward: Option<f64>, propensity: Option<f64>, target: Option<f64>) -> Option<Logged> {
    Some(Logged { reward: reward?, propensity: propensity?, target: target?, predicted: None })
}

fn predicted(row: Option<Logged>, prediction: Option<f64>, expected: Option<f64>) -> Option<Logged> {
    Some(Logged { predicted: Some([prediction?, expected?]), ..row? })
}

#[pg_extern(sql = false)]
fn segrec_ips_step(
    state: Option<Carried<'_, State>>,
    reward: Option<f64>,
    propensity: Option<f64>,
    target: Option<f64>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    let row = logged(reward, propensity, target);
    or_raise(off_policy::add_logged(state, row, Limit::None, &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_ips_clip_step(
    state: Option<Carried<'_, State>>,
    reward: Option<f64>,
    propensity: Option<f64>,
    target: Option<f64>,
    clip: Option<f64>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    let limit = clip.map_or(Limit::None, Limit::Clip);
    or_raise(off_policy::add_logged(state, logged(reward, propensity, target), limit, &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_dr_step(
    state: Option<Carried<'_, State>>,
    reward: Option<f64>,
    propensity: Option<f64>,
    target: Option<f64>,
    prediction: Option<f64>,
    expected: Option<f64>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    let row = predicted(logged(reward, propensity, target), prediction, expected);
    or_raise(off_policy::add_logged(state, row, Limit::None, &aggregate))
}

#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)]
fn segrec_dr_clip_step(
    state: Option<Carried<'_, State>>,
    reward: Option<f64>,
    propensity: Option<f64>,
    target: Option<f64>,
    prediction: Option<f64>,
    expected: Option<f64>,
    clip: Option<f64>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    let row = predicted(logged(reward, propensity, target), prediction, expected);
    or_raise(off_policy::add_logged(state, row, clip.map_or(Limit::None, Limit::Clip), &aggregate))
}

#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)]
fn segrec_switch_dr_step(
    state: Option<Carried<'_, State>>,
    reward: Option<f64>,
    propensity: Option<f64>,
    target: Option<f64>,
    prediction: Option<f64>,
    expected: Option<f64>,
    threshold: Option<f64>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    let row = predicted(logged(reward, propensity, target), prediction, expected);
    or_raise(off_policy::add_logged(state, row, threshold.map_or(Limit::None, Limit::Switch), &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_dm_step(
    state: Option<Carried<'_, State>>,
    expected: Option<f64>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    or_raise(off_policy::add_expected(state, expected, &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_policy_mean_final(state: Carried<'_, State>) -> Option<f64> {
    or_raise(off_policy::estimate(&state, Estimator::Mean))
}

#[pg_extern(sql = false)]
fn segrec_policy_ratio_final(state: Carried<'_, State>) -> Option<f64> {
    or_raise(off_policy::estimate(&state, Estimator::SelfNormalized))
}

#[pg_extern(sql = false)]
fn segrec_policy_mean_bounds(state: Carried<'_, State>) -> Option<Vec<f64>> {
    or_raise(off_policy::bounds(&state, Estimator::Mean))
}

#[pg_extern(sql = false)]
fn segrec_policy_ratio_bounds(state: Carried<'_, State>) -> Option<Vec<f64>> {
    or_raise(off_policy::bounds(&state, Estimator::SelfNormalized))
}

#[pg_extern(sql = false)]
fn segrec_effective_sample_size_final(state: Carried<'_, State>) -> Option<f64> {
    or_raise(off_policy::effective_sample_size(&state))
}
