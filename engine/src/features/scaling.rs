//! Scales numbers to mean 0 and variance 1 over the values of a column. All sums run over sorted values, so that the
//! order of rows never matters, and in units of the range, so that no finite number overflows.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// The unit in which numbers are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Scale {
    /// Standard deviations from the mean.
    Standard,
    /// A robust estimate of the standard deviation from the median and the interquartile range, which ignores the
    /// tails. Falls back to standard if half of the values are equal.
    Robust,
}

/// The maximum distance from the centre that a column can move a point, in standard deviations. By Chebyshev's
/// inequality at most 1/64 of rows are beyond it, whatever the distribution. Without this limit a single outlier in a
/// million rows would be at 1,000 standard deviations and outweigh a million normal rows.
pub const FURTHEST: f64 = 8.0;
/// Non-negative numbers that are more skewed than the exponential distribution (skewness 2), as counts and amounts of
/// money are, are transformed by log(1 + x).
const LOG_SKEWNESS: f64 = 2.0;
/// The ratio of a normal distribution's standard deviation to its interquartile range: 1 / (2 Φ⁻¹(¾)).
const DEVIATION_OF_QUARTILES: f64 = 0.741_301_109_252_8;
/// The maximum number of rounds of winsorizing. An outlier among n rows is off by (64/n)^rounds at the end, which is
/// negligible from 70 rows on. Without outliers two rounds suffice.
const ROUNDS: usize = 100;
/// Winsorizing stops when a round changes the deviation by less than this fraction.
const TOLERANCE: f64 = 1e-3;

/// The scaling of one number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Whether log(1 + x) is applied first.
    log: bool,
    centre: f64,
    deviation: f64,
}

impl Scaling {
    /// Learns the scaling of finite values in ascending order; `None` if all are equal.
    pub fn fit(mut sorted: Vec<f64>, scale: Scale) -> Option<Self> {
        let range = Range::of(&sorted, f64::MIN, f64::MAX)?;
        let log = range.lowest >= 0.0 && skewness(&sorted, range) > LOG_SKEWNESS;
        if log {
            sorted.iter_mut().for_each(|value| *value = value.ln_1p());
        }
        let (mut centre, mut deviation) = winsorised(&sorted)?;
        if scale == Scale::Robust {
            let last = sorted.len() - 1;
            centre = sorted[last / 2] / 2.0 + sorted[last - last / 2] / 2.0;
            let half = sorted[last - last / 4] / 2.0 - sorted[last / 4] / 2.0;
            if half > 0.0 {
                deviation = (2.0 * DEVIATION_OF_QUARTILES * half).min(f64::MAX);
            }
        }
        (deviation > 0.0).then_some(Self { log, centre, deviation })
    }

    /// The scaled value: standard deviations from the centre, limited to [`FURTHEST`].
    pub fn apply(&self, value: f64) -> f64 {
        // Negative values did not occur during training; treat them as 0.
        let value = if self.log { value.max(0.0).ln_1p() } else { value };
        ((value - self.centre) / self.deviation).clamp(-FURTHEST, FURTHEST)
    }
}

/// The range from the lowest to the highest value after clipping. Stores half the range, which cannot overflow.
#[derive(Clone, Copy)]
struct Range {
    lowest: f64,
    highest: f64,
    half: f64,
}

impl Range {
    /// The range of clipped values; `None` if all are equal.
    fn of(sorted: &[f64], least: f64, most: f64) -> Option<Self> {
        let (lowest, highest) = (sorted.first()?.clamp(least, most), sorted.last()?.clamp(least, most));
        let half = highest / 2.0 - lowest / 2.0;
        (half > 0.0).then_some(Self { lowest, highest, half })
    }

    /// Maps the lowest value to 0 and the highest to 1.
    fn share(self, value: f64) -> f64 {
        (value / 2.0 - self.lowest / 2.0) / self.half
    }
}

/// The third standardised moment.
fn skewness(sorted: &[f64], range: Range) -> f64 {
    let count = sorted.len() as f64;
    let mean = sorted.iter().map(|&value| range.share(value)).sum::<f64>() / count;
    let (mut second, mut third) = (0.0, 0.0);
    for &value in sorted {
        let difference = range.share(value) - mean;
        second += difference * difference;
        third += difference * difference * difference;
    }
    third / count / (second / count).powf(1.5)
}

/// The mean and deviation of the values after clipping to the limit that these two define, so that outliers do not
/// squeeze all other values together. The search starts with the narrowest interval that holds all but 1/64 of the
/// values, the most that can be beyond the limit. If the values in it are equal, or the search does not converge
/// because more values are far away, the mean and deviation of all values are used.
fn winsorised(sorted: &[f64]) -> Option<(f64, f64)> {
    let plain = moments(sorted, f64::MIN, f64::MAX)?;
    let beyond = sorted.len() / 64;
    if beyond == 0 {
        return Some(plain);
    }
    let inside = |start: usize| &sorted[start..sorted.len() - beyond + start];
    let width = |start: usize| Range::of(inside(start), f64::MIN, f64::MAX).map_or(0.0, |range| range.half);
    let narrowest = (0..=beyond).min_by(|&a, &b| width(a).total_cmp(&width(b))).unwrap_or(0);
    let Some((mut mean, mut deviation)) = moments(inside(narrowest), f64::MIN, f64::MAX) else {
        return Some(plain);
    };
    for _ in 0..ROUNDS {
        let before = deviation;
        let limit = FURTHEST * deviation;
        let Some(limited) = moments(sorted, mean - limit, mean + limit) else { break };
        (mean, deviation) = limited;
        if (deviation - before).abs() <= TOLERANCE * before {
            return Some((mean, deviation));
        }
    }
    Some(plain)
}

/// The mean and deviation of the values clipped to `least` … `most`; `None` if all are equal.
fn moments(sorted: &[f64], least: f64, most: f64) -> Option<(f64, f64)> {
    let range = Range::of(sorted, least, most)?;
    let shares = || sorted.iter().map(|value| range.share(value.clamp(least, most)));
    let count = sorted.len() as f64;
    let mean = shares().sum::<f64>() / count;
    let variance = shares().map(|share| (share - mean) * (share - mean)).sum::<f64>() / count;
    let deviation = 2.0 * (variance.sqrt() * range.half);
    Some((range.lowest * (1.0 - mean) + range.highest * mean, deviation))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles of the exponential distribution, to a power.
    fn skewed(count: usize, power: f64) -> Vec<f64> {
        (0..count).map(|n| (-(1.0 - (n as f64 + 0.5) / count as f64).ln()).powf(power)).collect()
    }

    fn moments_after(scaling: &Scaling, values: &[f64]) -> (f64, f64) {
        let scaled: Vec<f64> = values.iter().map(|&value| scaling.apply(value)).collect();
        moments(&scaled, f64::MIN, f64::MAX).unwrap()
    }

    #[test]
    fn an_outlier_neither_presses_the_others_together_nor_leaves_the_rest() {
        let mut values: Vec<f64> = (0..1_000).map(|n| f64::from(n % 100) - 50.0).collect();
        values.sort_unstable_by(f64::total_cmp);
        values[999] = 1e300;
        let scaling = Scaling::fit(values.clone(), Scale::Standard).unwrap();
        let (mean, deviation) = moments_after(&scaling, &values);
        assert!(mean.abs() < 1e-3 && (deviation - 1.0).abs() < 1e-2, "{mean} {deviation}");
        assert_eq!(scaling.apply(1e300), FURTHEST);
        assert!(scaling.apply(49.0) > 1.4, "{}", scaling.apply(49.0));
    }

    #[test]
    fn any_share_of_outliers_leaves_a_variance_of_one() {
        for count in [100usize, 1_000, 10_000] {
            for outliers in [1, 2, count / 100, count / 64, count / 63, count / 20] {
                for outlier in [1e3, 1e300] {
                    let inliers = (0..count - outliers).map(|n| n as f64 / count as f64 - 0.5);
                    let values: Vec<f64> = inliers.chain(vec![outlier; outliers]).collect();
                    let scaling = Scaling::fit(values.clone(), Scale::Standard).unwrap();
                    let (_, deviation) = moments_after(&scaling, &values);
                    assert!((deviation - 1.0).abs() < 0.03, "{outliers}/{count} {outlier}: {deviation}");
                }
            }
        }
    }

    #[test]
    fn a_few_different_values_among_equal_ones_keep_their_distance() {
        let mut values = vec![5.0; 1_000];
        values[999] = 7.0;
        let scaling = Scaling::fit(values, Scale::Standard).unwrap();
        assert!(scaling.apply(5.0).abs() < 0.1 && scaling.apply(5.001).abs() < 0.2);
        assert_eq!(scaling.apply(7.0), FURTHEST);
    }

    #[test]
    fn amounts_are_taken_as_logarithms_and_ages_are_not() {
        assert!(Scaling::fit(skewed(1_000, 2.0), Scale::Standard).unwrap().log);
        assert!(!Scaling::fit(skewed(1_000, 0.5), Scale::Standard).unwrap().log);
        let negative = skewed(1_000, 2.0).into_iter().map(|value| value - 1e-3).collect();
        assert!(!Scaling::fit(negative, Scale::Standard).unwrap().log);
    }

    #[test]
    fn robust_and_standard_agree_on_a_normal_distribution() {
        let values: Vec<f64> = (0..10_000)
            .map(|n| (n as f64 + 0.5) / 10_000.0)
            .map(|p| 3.0 + 2.0 * (p / (1.0 - p)).ln() * 0.551_329)
            .collect();
        let robust = Scaling::fit(values.clone(), Scale::Robust).unwrap();
        let standard = Scaling::fit(values, Scale::Standard).unwrap();
        assert!((robust.centre - 3.0).abs() < 1e-6 && (standard.centre - 3.0).abs() < 1e-6);
        assert!((robust.deviation / standard.deviation - 0.9).abs() < 0.05, "{robust:?} {standard:?}");
        let half_equal = Scaling::fit([vec![1.0; 80], vec![9.0; 20]].concat(), Scale::Robust).unwrap();
        assert_eq!(half_equal.apply(1.0), 0.0);
        assert!((half_equal.apply(9.0) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn any_finite_numbers_scale_to_finite_ones() {
        let tiny = f64::MIN_POSITIVE / 1e10;
        for values in [
            vec![-f64::MAX, f64::MAX],
            vec![f64::MAX, f64::MAX.next_up().min(f64::MAX)],
            vec![f64::MAX.next_down(), f64::MAX],
            vec![-tiny, 0.0, tiny],
            vec![0.0, tiny, f64::MAX],
            vec![1.0],
            vec![],
        ] {
            for scale in [Scale::Standard, Scale::Robust] {
                if let Some(scaling) = Scaling::fit(values.clone(), scale) {
                    assert!(scaling.centre.is_finite() && scaling.deviation.is_finite());
                    let all = values.iter().chain(&[f64::MAX, -f64::MAX, 0.0]);
                    all.for_each(|&value| assert!(scaling.apply(value).abs() <= FURTHEST, "{value}"));
                }
            }
        }
        assert_eq!(Scaling::fit(vec![0.1; 1_000], Scale::Standard), None);
    }
}
