//! The metric that decides, by how much is known about users: for those with 1, 2, 3, up to 5 and up to 10 items in the
//! training part.

use super::bootstrap::{Parts, Quotient, fits, quotient_rows};
use super::deciding_metric::DECIDING;
use super::metric_row::MetricRow;
use crate::error::Result;
use crate::observer::Observer;

/// The lengths of histories by which users are grouped: a group has those with at most so many items, and more than
/// the length before.
pub const LENGTHS: [usize; 5] = [1, 2, 3, 5, 10];

/// The metric that decides, for the users whose histories have about the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// The length of the longest of these histories: one of [`LENGTHS`], or 0 for users held out as a whole.
    pub length: usize,
    /// The metric of these users.
    pub row: MetricRow,
}

/// The rows of all lengths that any user has, given the length of each user's history and the values of the metric that
/// the model and the baseline reach.
///
/// # Errors
/// [`crate::EngineError::Shape`] if there is not one value per user, [`crate::EngineError::Cancelled`].
pub fn by_history(
    lengths: &[usize],
    values: [&[f64]; 2],
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<HistoryRow>> {
    values.iter().try_for_each(|values| fits("values of users", lengths.len(), values.len()))?;
    let mut rows = Vec::new();
    let mut before = 0;
    for length in LENGTHS {
        let group = |&user: &usize| lengths[user] > before && lengths[user] <= length;
        let users: Vec<usize> = (0..lengths.len()).filter(group).collect();
        let row = mean_row(&users, values, seed, observer)?;
        rows.extend(row.map(|row| HistoryRow { length, row }));
        before = length;
    }
    Ok(rows)
}

/// The row of the metric that decides, given what the model and the baseline reach for each user and the users to
/// count; `None` if there are none.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn mean_row(
    users: &[usize],
    values: [&[f64]; 2],
    seed: u64,
    observer: &dyn Observer,
) -> Result<Option<MetricRow>> {
    let parts =
        |values: &[f64]| Parts::new(values.len(), 1, observer, |user, parts| parts[0] = [values[user], 1.0]);
    let quotient = Quotient { metric: DECIDING.0.name(), k: DECIDING.1, root: false };
    let [model, baseline] = values;
    let both = [&parts(model)?, &parts(baseline)?];
    Ok(quotient_rows(&[quotient], both, None, users, seed, observer)?.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::EngineError;
    use crate::observer::Silent;

    #[test]
    fn each_user_counts_in_the_group_of_their_length_and_long_histories_in_none() {
        let lengths = [0, 1, 1, 2, 4, 5, 6, 10, 11, 500];
        let model: Vec<f64> = (0..10).map(f64::from).collect();
        let baseline = [0.5; 10];
        let rows = by_history(&lengths, [&model, &baseline], 1, &Silent).unwrap();
        let found: Vec<_> = rows.iter().map(|own| (own.length, own.row.users, own.row.value)).collect();
        assert_eq!(found, [(1, 2, 1.5), (2, 1, 3.0), (5, 2, 4.5), (10, 2, 6.5)]);
        for HistoryRow { row, .. } in &rows {
            assert_eq!((row.metric, row.k, row.segment, row.baseline), ("ndcg", 20, None, 0.5));
            assert_eq!(row.interval.is_some(), row.users > 1);
        }
        assert_eq!(by_history(&[], [&[], &[]], 1, &Silent).unwrap(), []);
        let fewer = by_history(&lengths, [&model, &baseline[1..]], 1, &Silent);
        assert!(matches!(fewer, Err(EngineError::Shape { .. })));
    }
}
