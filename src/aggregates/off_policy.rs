//! Off-policy evaluation of anybody's logs: `segrec_ips`, `segrec_snips`, `segrec_dm`, `segrec_dr`, `segrec_sndr`,
//! `segrec_switch_dr`, their intervals, and `segrec_effective_sample_size`. Aggregates over the same arguments share one
//! state, so that an estimate, its interval and the effective sample size cost one pass.

use super::state::{Next, State, begun, unchanged};
use crate::error::{Result, SegrecError, notice};
use crate::pg::executor::aggregate::{Aggregate, Carried, room};
use pgrx::prelude::statement_timestamp;
use segrec_engine::evaluation::off_policy::{Estimator, OffPolicySums};
use std::cell::Cell;

/// A row of a log.
#[derive(Clone, Copy, Debug)]
pub struct Logged {
    /// The reward of the logged action.
    pub reward: f64,
    /// The probability that the policy that logged it had for the action.
    pub propensity: f64,
    /// The probability that the policy that is evaluated has for the action.
    pub target: f64,
    /// The predicted reward of the action, and the expected prediction of the policy that is evaluated.
    pub predicted: Option<[f64; 2]>,
}

/// What is done to large weights.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// Nothing.
    None,
    /// They are set to this.
    Clip(f64),
    /// They count 0 above this.
    Switch(f64),
}

fn number(
    argument: &'static str,
    value: f64,
    fact: &'static str,
    holds: impl Fn(f64) -> bool,
) -> Result<f64> {
    if holds(value) { Ok(value) } else { Err(SegrecError::Number { argument, value, fact }) }
}

fn finite(argument: &'static str, value: f64) -> Result<f64> {
    number(argument, value, "Rewards and predictions are finite numbers.", f64::is_finite)
}

impl Logged {
    /// The weight of the row.
    fn weight(&self, limit: Limit) -> Result<f64> {
        let fact = "The probability of a logged action is above 0 and at most 1.";
        let propensity = number("propensity", self.propensity, fact, |value| value > 0.0 && value <= 1.0)?;
        let fact = "A probability is from 0 to 1.";
        let weight = number("target", self.target, fact, |value| (0.0..=1.0).contains(&value))? / propensity;
        let positive = |argument, value| {
            number(argument, value, "It limits the quotients of target and propensity.", |value| value > 0.0)
        };
        Ok(match limit {
            Limit::None => weight,
            Limit::Clip(most) => weight.min(positive("clip", most)?),
            Limit::Switch(most) if weight > positive("threshold", most)? => 0.0,
            Limit::Switch(_) => weight,
        })
    }
}

/// Adds a logged row; one with a null is skipped.
///
/// # Errors
/// If a number is not what it says, or there is not enough memory.
pub fn add_logged(
    state: Option<Carried<'_, State>>,
    row: Option<Logged>,
    limit: Limit,
    aggregate: &Aggregate,
) -> Next {
    let Some(row) = row else { return unchanged(state, aggregate) };
    let weight = row.weight(limit)?;
    let reward = finite("reward", row.reward)?;
    let [prediction, expected] = row.predicted.unwrap_or_default();
    let residual = reward - finite("prediction", prediction)?;
    add(state, [finite("expected", expected)?, weight, residual], aggregate)
}

/// Adds the expected prediction of a row to `segrec_dm`.
///
/// # Errors
/// If the number is not finite, or there is not enough memory.
pub fn add_expected(state: Option<Carried<'_, State>>, expected: Option<f64>, aggregate: &Aggregate) -> Next {
    let Some(expected) = expected else { return unchanged(state, aggregate) };
    add(state, [finite("expected", expected)?, 0.0, 0.0], aggregate)
}

fn add(
    state: Option<Carried<'_, State>>,
    [expected, weight, residual]: [f64; 3],
    aggregate: &Aggregate,
) -> Next {
    let mut held = begun(state, aggregate, || State::OffPolicy(OffPolicySums::default()))?;
    let State::OffPolicy(sums) = held.value() else { return Err(SegrecError::SummariesDiffer) };
    match sums.growth() {
        0 => {}
        more => room(more)?,
    }
    sums.add(expected, weight, residual);
    Ok(Some(held))
}

fn read<T>(state: &Carried<'_, State>, read: impl FnOnce(&OffPolicySums) -> T) -> Result<T> {
    state.read(|state| match state {
        State::OffPolicy(sums) => Ok(read(sums)),
        _ => Err(SegrecError::SummariesDiffer),
    })?
}

thread_local! {
    /// The last statement that was told of degenerate weights.
    static TOLD: Cell<i64> = const { Cell::new(i64::MIN) };
}

/// The estimate; `None` if all weights that it divides by are 0. A NOTICE, one a statement, says if few rows decide it.
///
/// # Errors
/// If the state belongs to another aggregate.
pub fn estimate(state: &Carried<'_, State>, estimator: Estimator) -> Result<Option<f64>> {
    read(state, |sums| {
        let statement = i64::from(statement_timestamp());
        if sums.is_degenerate() && TOLD.replace(statement) != statement {
            let (rows, effective) = (sums.rows(), sums.effective_sample_size().unwrap_or_default());
            let largest = 100.0 * sums.largest_share().unwrap_or_default();
            notice(
                format!("few of the {rows} rows decide this estimate"),
                Some(format!(
                    "The weights target / propensity are worth {effective:.1} equal rows; the largest is {largest:.1} % of \
                     their sum."
                )),
                Some("Clip them with the argument clip, or evaluate a policy that is closer to the one that logged.".into()),
            );
        }
        sums.estimate(estimator)
    })
}

/// The low and high bounds by the bootstrap, then those by the empirical Bernstein bound; `None` with fewer than two rows.
///
/// # Errors
/// If the state belongs to another aggregate.
pub fn bounds(state: &Carried<'_, State>, estimator: Estimator) -> Result<Option<Vec<f64>>> {
    read(state, |sums| {
        let found = sums.interval(estimator)?;
        Some(vec![found.bootstrap.0, found.bootstrap.1, found.bernstein.0, found.bernstein.1])
    })
}

/// The effective sample size; `None` if all weights are 0.
///
/// # Errors
/// If the state belongs to another aggregate.
pub fn effective_sample_size(state: &Carried<'_, State>) -> Result<Option<f64>> {
    read(state, OffPolicySums::effective_sample_size)
}
