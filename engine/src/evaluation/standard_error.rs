//! Means over users and their standard errors.

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

/// Whether values are better than others by a standard error of their mean difference, paired.
pub fn is_better(values: &[f64], than: &[f64]) -> bool {
    let gains: Vec<f64> = values.iter().zip(than).map(|(own, other)| own - other).collect();
    let (gain, error) = mean_and_error(&gains);
    gain > error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_that_of_a_mean() {
        let (mean, error) = mean_and_error(&[1.0, 2.0, 3.0, 4.0]);
        // The variance of the sample is 5/3.
        assert!((mean - 2.5).abs() < 1e-12 && (error - (5.0f64 / 12.0).sqrt()).abs() < 1e-12, "{error}");
    }

    #[test]
    fn nothing_is_known_of_one_user() {
        assert_eq!(mean_and_error(&[0.5]), (0.5, f64::INFINITY));
        assert_eq!(mean_and_error(&[]), (0.0, f64::INFINITY));
    }
}
