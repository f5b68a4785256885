//! Means over users and their uncertainty.

use crate::seed;
use rand::Rng;

/// The number of bootstrap resamples; each 2.5 % bound then rests on 12 of them.
const RESAMPLES: usize = 500;

/// A mean with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// The lower bound: 2.5 % of the resampled means are below it.
    pub low: f64,
    /// The upper bound: 2.5 % of the resampled means are above it.
    pub high: f64,
}

/// The mean of each column of `rows` (one row per user, all of the same length) and its percentile
/// bootstrap interval over users (Efron 1979). The same users are drawn for every column.
pub fn bootstrap(rows: &[Vec<f64>], seed: u64) -> Vec<Estimate> {
    let columns = rows.first().map_or(0, Vec::len);
    if rows.is_empty() {
        return Vec::new();
    }
    let mean_of = |draw: &mut dyn FnMut(usize) -> usize| {
        let mut sums = vec![0.0; columns];
        for place in 0..rows.len() {
            sums.iter_mut().zip(&rows[draw(place)]).for_each(|(sum, value)| *sum += value);
        }
        sums.iter_mut().for_each(|sum| *sum /= rows.len() as f64);
        sums
    };
    let means = mean_of(&mut |place| place);
    let mut random = seed::random(seed, "bootstrap");
    let mut resampled: Vec<Vec<f64>> = vec![Vec::with_capacity(RESAMPLES); columns];
    for _ in 0..RESAMPLES {
        let sample = mean_of(&mut |_| random.gen_range(0..rows.len()));
        resampled.iter_mut().zip(sample).for_each(|(column, mean)| column.push(mean));
    }
    means
        .into_iter()
        .zip(resampled)
        .map(|(value, mut column)| {
            column.sort_unstable_by(f64::total_cmp);
            let tail = RESAMPLES / 40;
            Estimate { value, low: column[tail], high: column[RESAMPLES - 1 - tail] }
        })
        .collect()
}

/// The mean of values and its standard error; the error of fewer than two values is infinite.
pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    if values.is_empty() {
        return (0.0, f64::INFINITY);
    }
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, f64::INFINITY);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_about_two_standard_errors_wide() {
        let rows: Vec<Vec<f64>> =
            (0..2000u64).map(|i| vec![(seed::mix(i) >> 11) as f64 / (1u64 << 53) as f64]).collect();
        let estimate = bootstrap(&rows, 1)[0];
        let (mean, error) = mean_and_error(&rows.iter().map(|row| row[0]).collect::<Vec<_>>());
        assert!((estimate.value - mean).abs() < 1e-12);
        let width = (estimate.high - estimate.low) / (2.0 * 1.96 * error);
        assert!((0.85..1.15).contains(&width), "{width}");
    }

    #[test]
    fn nothing_is_known_of_one_user() {
        assert_eq!(mean_and_error(&[0.5]), (0.5, f64::INFINITY));
        assert_eq!(bootstrap(&[], 1), []);
    }
}
