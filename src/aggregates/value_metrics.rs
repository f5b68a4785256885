//! Metrics of rows with predictions, scores or counts: `segrec_rmse`, `segrec_mae`, `segrec_mse`, `segrec_auc`,
//! `segrec_gini`. The first three only keep sums; the others keep 8 bytes per row and sort at the end.

use super::error_sums::ErrorSums;
use super::state::{Next, State, begun, extend, unchanged};
use crate::error::{Result, SegrecError};
use crate::pg::executor::aggregate::{Aggregate, Carried};
use crate::pg::process::workers::run_alone;
use segrec_engine::evaluation::{auc_of_rows, gini};
use segrec_engine::memory::copied;

/// A metric of prediction errors.
#[derive(Clone, Copy, Debug)]
pub enum ErrorMetric {
    /// The root mean squared error.
    Rmse,
    /// The mean absolute error.
    Mae,
    /// The mean squared error.
    Mse,
}

fn finite(argument: &'static str, value: f64) -> Result<f64> {
    let fact = "Errors are differences of finite numbers.";
    if value.is_finite() { Ok(value) } else { Err(SegrecError::Number { argument, value, fact }) }
}

/// Adds a row to `segrec_rmse`, `segrec_mae` or `segrec_mse`.
///
/// # Errors
/// If a number is not finite.
pub fn add_error(
    state: Option<Carried<'_, State>>,
    predicted: Option<f64>,
    actual: Option<f64>,
    aggregate: &Aggregate,
) -> Next {
    let (Some(predicted), Some(actual)) = (predicted, actual) else { return unchanged(state, aggregate) };
    let error = finite("predicted", predicted)? - finite("actual", actual)?;
    let mut held = begun(state, aggregate, || State::Errors(ErrorSums::default()))?;
    let State::Errors(errors) = held.value() else { return Err(SegrecError::SummariesDiffer) };
    errors.merge(&ErrorSums { count: 1, sizes: error.abs(), squares: error * error });
    Ok(Some(held))
}

/// Adds a row to `segrec_auc`.
///
/// # Errors
/// If the score is NaN.
pub fn add_score(
    state: Option<Carried<'_, State>>,
    score: Option<f64>,
    relevant: Option<bool>,
    aggregate: &Aggregate,
) -> Next {
    let (Some(score), Some(relevant)) = (score, relevant) else { return unchanged(state, aggregate) };
    if score.is_nan() {
        let fact = "It cannot be compared with other scores.";
        return Err(SegrecError::Number { argument: "score", value: score, fact });
    }
    let mut held = begun(state, aggregate, || State::Scores(Default::default()))?;
    let State::Scores([of_relevant, of_others]) = held.value() else {
        return Err(SegrecError::SummariesDiffer);
    };
    extend(if relevant { of_relevant } else { of_others }, &[score])?;
    Ok(Some(held))
}

/// Adds a row to `segrec_gini`.
///
/// # Errors
/// If the value is negative or not finite.
pub fn add_number(state: Option<Carried<'_, State>>, value: Option<f64>, aggregate: &Aggregate) -> Next {
    let Some(value) = value else { return unchanged(state, aggregate) };
    if !(0.0..f64::INFINITY).contains(&value) {
        let fact = "The Gini coefficient requires finite numbers of at least 0.";
        return Err(SegrecError::Number { argument: "value", value, fact });
    }
    let mut held = begun(state, aggregate, || State::Numbers(Vec::new()))?;
    let State::Numbers(numbers) = held.value() else { return Err(SegrecError::SummariesDiffer) };
    extend(numbers, &[value])?;
    Ok(Some(held))
}

/// The value of an error metric.
///
/// # Errors
/// If the state belongs to another aggregate.
pub fn error_metric(state: &Carried<'_, State>, figure: ErrorMetric) -> Result<f64> {
    state.read(|state| {
        let State::Errors(errors) = state else { return Err(SegrecError::SummariesDiffer) };
        let count = errors.count as f64;
        Ok(match figure {
            ErrorMetric::Rmse => (errors.squares / count).sqrt(),
            ErrorMetric::Mae => errors.sizes / count,
            ErrorMetric::Mse => errors.squares / count,
        })
    })?
}

/// The area under the ROC curve; `None` if all rows are relevant, or none is.
///
/// # Errors
/// If the state belongs to another aggregate, there is not enough memory for a copy, or the work was cancelled.
pub fn auc(state: &Carried<'_, State>) -> Result<Option<f64>> {
    state.read(|state| match state {
        State::Scores([relevant, others]) => {
            let (relevant, others) = (copied(relevant)?, copied(others)?);
            Ok(run_alone(|observer| auc_of_rows(relevant, others, observer))?)
        }
        _ => Err(SegrecError::SummariesDiffer),
    })?
}

/// The Gini coefficient; `None` if all values are 0.
///
/// # Errors
/// If the state belongs to another aggregate, there is not enough memory for a copy, or the work was cancelled.
pub fn gini_coefficient(state: &Carried<'_, State>) -> Result<Option<f64>> {
    state.read(|state| match state {
        State::Numbers(numbers) => {
            let numbers = copied(numbers)?;
            Ok(run_alone(|observer| gini(numbers, observer))?)
        }
        _ => Err(SegrecError::SummariesDiffer),
    })?
}
