//! Errors of predicted ratings. Means are over predictions, so users count by how many they have; the bootstrap draws
//! users together with all their predictions.

use super::bootstrap::{Parts, Quotient, fits, parts_of_users, quotient_rows};
use super::metric_row::MetricRow;
use crate::error::Result;
use crate::observer::Observer;

/// The errors that are measured.
pub const ERRORS: [Quotient; 3] = [
    Quotient { metric: "rmse", k: 0, root: true },
    Quotient { metric: "mae", k: 0, root: false },
    Quotient { metric: "mse", k: 0, root: false },
];

/// `rmse`, `mae` and `mse` (k = 0) of (predicted, actual) pairs, given as one vector per measured user, for all users
/// and for each segment that has any; `groups` is as in [`super::Measured`].
///
/// # Errors
/// [`crate::EngineError::Shape`], [`crate::EngineError::Cancelled`].
pub fn errors(
    model: &[Vec<(f32, f32)>],
    baseline: &[Vec<(f32, f32)>],
    groups: Option<(&[u32], usize)>,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<MetricRow>> {
    fits("predictions of the baseline", model.len(), baseline.len())?;
    let both = [&parts(model, observer)?, &parts(baseline, observer)?];
    let mut rows = Vec::new();
    for (segment, users) in parts_of_users(model.len(), groups)? {
        rows.extend(quotient_rows(&ERRORS, both, segment, &users, seed, observer)?);
    }
    Ok(rows)
}

/// The contribution of each user's predictions to [`ERRORS`].
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn parts(predictions: &[Vec<(f32, f32)>], observer: &dyn Observer) -> Result<Parts> {
    Parts::new(predictions.len(), ERRORS.len(), observer, |user, parts| {
        let pairs = &predictions[user];
        let error = |&(predicted, actual): &(f32, f32)| f64::from(predicted) - f64::from(actual);
        let squares: f64 = pairs.iter().map(|pair| error(pair).powi(2)).sum();
        let sizes: f64 = pairs.iter().map(|pair| error(pair).abs()).sum();
        let count = pairs.len() as f64;
        parts.copy_from_slice(&[[squares, count], [sizes, count], [squares, count]]);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn errors_agree_with_a_worked_example_and_users_count_by_their_predictions() {
        let model = [vec![(3.0, 5.0), (4.0, 4.0), (2.0, 1.0)], vec![(1.0, 4.0)], vec![]];
        let baseline = [vec![(3.0, 5.0), (3.0, 4.0), (3.0, 1.0)], vec![(3.0, 4.0)], vec![]];
        let rows = errors(&model, &baseline, Some((&[0, 1, 2], 4)), 1, &Silent).unwrap();
        let found = |metric: &str, segment: Option<u32>| {
            let row = rows.iter().find(|row| row.metric == metric && row.segment == segment).unwrap();
            (row.value, row.baseline, row.users, row.interval.is_some())
        };
        assert_eq!(found("mse", None), (14.0 / 4.0, 10.0 / 4.0, 2, true));
        assert_eq!(found("rmse", None), (3.5f64.sqrt(), 2.5f64.sqrt(), 2, true));
        assert_eq!(found("mae", None), (6.0 / 4.0, 6.0 / 4.0, 2, true));
        assert_eq!(found("mae", Some(1)), (3.0, 1.0, 1, false));
        // Nothing is known of a user without predictions, nor of a segment without users.
        assert_eq!(rows.len(), 9);
        assert_eq!(errors(&[], &[], None, 1, &Silent).unwrap(), []);
        assert!(errors(&model, &[], None, 1, &Silent).is_err());
    }
}
