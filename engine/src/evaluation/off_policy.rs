//! Off-policy evaluation: what a policy would earn, estimated from rows that another policy has logged, each with a reward
//! r and the probabilities of the logged action under both.
//!
//! With the weight w = target / propensity of a row, a prediction q of its reward, and the expected prediction b of the
//! policy in its context, the estimators are
//!
//! - inverse propensity score: mean(w r) (Horvitz & Thompson 1952),
//! - self-normalized: Σ w r / Σ w (Swaminathan & Joachims 2015),
//! - direct method: mean(b),
//! - doubly robust: mean(b + w (r − q)) (Dudík, Langford & Li 2011), or self-normalized mean(b) + Σ w (r − q) / Σ w,
//! - and each of them with weights that are clipped, or that count 0 above a threshold (Switch: Wang, Agarwal & Dudík 2017).
//!
//! A row adds to sums that do not depend on the estimator: b, w and w e, where the residual e is r or r − q. It takes some
//! 30 flops, and 32 bytes for each of the first 512 rows.

use crate::seed::{self, mix};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// The number of groups that rows are dealt to, which the bootstrap draws.
const GROUPS: usize = 512;
/// The number of bootstrap resamples; each 2.5 % bound then rests on 25 of them.
const RESAMPLES: usize = 1_000;
/// The probability with which an interval may miss.
const MISS: f64 = 0.05;
/// Weights are degenerate if fewer rows than this share would say as much.
const EFFECTIVE_SHARE: f64 = 0.01;
/// They are degenerate, too, if one row has more than this share of their sum.
const LARGEST_SHARE: f64 = 0.1;

/// How the sums become an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimator {
    /// The mean over rows: inverse propensity score, direct method, doubly robust.
    Mean,
    /// Weighted residuals are divided by the sum of weights.
    SelfNormalized,
}

/// The bounds of two 95 % intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicyInterval {
    /// Quantiles of the bootstrap over groups of rows (Efron 1979).
    pub bootstrap: (f64, f64),
    /// By the empirical Bernstein bound (Maurer & Pontil 2009, theorem 4, on both sides), with the range of the terms that
    /// were seen; for a self-normalized estimate of its linear part.
    pub bernstein: (f64, f64),
}

/// What a row adds: the number of rows, b, w and w e.
type Part = [f64; 4];

/// The sums over the rows of a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OffPolicySums {
    rows: u64,
    expected: f64,
    weights: f64,
    weighted: f64,
    /// Σ w², Σ w² e and Σ w² e².
    squares: [f64; 3],
    /// The mean of the terms b + w e, and the sum of squared differences from it.
    terms: [f64; 2],
    /// The smallest and the largest term.
    range: (f64, f64),
    /// The smallest and the largest residual.
    residuals: (f64, f64),
    largest: f64,
    /// By how much the dealing of rows is turned since a multiple of [`GROUPS`], so that rows that follow each other are in
    /// different groups, and periods of the log in no single one.
    turn: u64,
    /// The same sums over groups of rows.
    groups: Vec<Part>,
}

/// The range of no values.
const NOTHING: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

fn wider((least, most): (f64, f64), (low, high): (f64, f64)) -> (f64, f64) {
    (if low < least { low } else { least }, if high > most { high } else { most })
}

fn added(sums: &mut Part, more: &Part) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

impl Default for OffPolicySums {
    fn default() -> Self {
        Self {
            rows: 0,
            expected: 0.0,
            weights: 0.0,
            weighted: 0.0,
            squares: [0.0; 3],
            terms: [0.0; 2],
            range: NOTHING,
            residuals: NOTHING,
            largest: 0.0,
            turn: 0,
            groups: Vec::new(),
        }
    }
}

impl OffPolicySums {
    /// The bytes of memory that it holds beside itself.
    pub fn memory(&self) -> usize {
        self.groups.capacity() * size_of::<Part>()
    }

    /// The bytes that the next row may need.
    pub fn growth(&self) -> usize {
        let is_full = self.groups.len() < self.groups.capacity() || self.groups.len() >= GROUPS;
        if is_full { 0 } else { self.memory().max(4 * size_of::<Part>()) }
    }

    /// Adds a row: the expected prediction b, the weight w and the residual e.
    pub fn add(&mut self, expected: f64, weight: f64, residual: f64) {
        let weighted = weight * residual;
        let term = expected + weighted;
        if self.rows.is_multiple_of(GROUPS as u64) {
            self.turn = mix(self.rows / GROUPS as u64);
        }
        let place = self.rows.wrapping_add(self.turn) as usize % GROUPS;
        self.rows = self.rows.saturating_add(1);
        self.expected += expected;
        self.weights += weight;
        self.weighted += weighted;
        self.squares[0] += weight * weight;
        self.squares[1] += weight * weighted;
        self.squares[2] += weighted * weighted;
        let before = term - self.terms[0];
        self.terms[0] += before / self.rows as f64;
        self.terms[1] += before * (term - self.terms[0]);
        self.range = wider(self.range, (term, term));
        self.residuals = wider(self.residuals, (residual, residual));
        self.largest = self.largest.max(weight);
        let part = [1.0, expected, weight, weighted];
        match self.groups.len() < GROUPS {
            true => self.groups.push(part),
            false => added(&mut self.groups[place], &part),
        }
    }

    /// Adds the sums over other rows.
    pub fn merge(&mut self, other: &Self) {
        let (own, more) = (self.rows as f64, other.rows as f64);
        if other.rows == 0 {
            return;
        }
        let apart = other.terms[0] - self.terms[0];
        self.terms[0] += apart * more / (own + more);
        self.terms[1] += other.terms[1] + apart * apart * own * more / (own + more);
        self.rows = self.rows.saturating_add(other.rows);
        self.expected += other.expected;
        self.weights += other.weights;
        self.weighted += other.weighted;
        self.squares.iter_mut().zip(other.squares).for_each(|(sum, more)| *sum += more);
        self.range = wider(self.range, other.range);
        self.residuals = wider(self.residuals, other.residuals);
        self.largest = self.largest.max(other.largest);
        for (place, part) in other.groups.iter().enumerate() {
            match self.groups.len() < GROUPS {
                true => self.groups.push(*part),
                false => added(&mut self.groups[place % GROUPS], part),
            }
        }
    }

    /// The estimate; `None` without rows, or if it divides by weights that are all 0.
    pub fn estimate(&self, estimator: Estimator) -> Option<f64> {
        quotient(estimator, &[self.rows as f64, self.expected, self.weights, self.weighted])
    }

    /// The number of rows with equal weights that would say as much: (Σ w)² / Σ w² (Kish 1965); `None` if all are 0.
    pub fn effective_sample_size(&self) -> Option<f64> {
        (self.squares[0] > 0.0).then(|| self.weights * self.weights / self.squares[0])
    }

    /// The share of the largest weight in their sum; `None` if all are 0.
    pub fn largest_share(&self) -> Option<f64> {
        (self.weights > 0.0).then(|| self.largest / self.weights)
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether few rows decide the estimate: the effective sample size is below a hundredth of the rows, or one row has more
    /// than a tenth of all weights. With fewer than twenty rows nothing is said.
    pub fn is_degenerate(&self) -> bool {
        let few = |effective: f64| effective < EFFECTIVE_SHARE * self.rows as f64;
        self.rows >= 20
            && (self.effective_sample_size().is_some_and(few)
                || self.largest_share().is_some_and(|share| share > LARGEST_SHARE))
    }

    /// The intervals of an estimate; `None` with fewer than two rows.
    pub fn interval(&self, estimator: Estimator) -> Option<PolicyInterval> {
        let value = self.estimate(estimator)?;
        if self.rows < 2 {
            return None;
        }
        let rows = self.rows as f64;
        let (variance, range) = match estimator {
            Estimator::Mean => (self.terms[1] / (rows - 1.0), self.range.1 - self.range.0),
            Estimator::SelfNormalized => {
                let (ratio, mean) = (self.weighted / self.weights, self.weights / rows);
                let [squares, mixed, residuals] = self.squares;
                // Of w (e − ratio), whose mean is 0.
                let sum = residuals - 2.0 * ratio * mixed + ratio * ratio * squares;
                let reach = self.residuals.1 - self.residuals.0;
                (sum.max(0.0) / (rows - 1.0) / (mean * mean), self.largest / mean * reach)
            }
        };
        let logarithm = (4.0 / MISS).ln();
        let margin =
            (2.0 * variance * logarithm / rows).sqrt() + 7.0 * range * logarithm / (3.0 * (rows - 1.0));
        let bernstein = (value - margin, value + margin);
        Some(PolicyInterval { bootstrap: self.bootstrap(estimator).unwrap_or((value, value)), bernstein })
    }

    /// The quantiles of the estimate over resamples of the groups.
    fn bootstrap(&self, estimator: Estimator) -> Option<(f64, f64)> {
        let mut random = seed::random(self.rows, "off-policy bootstrap");
        let resample = |_| {
            let mut sums = Part::default();
            for _ in &self.groups {
                added(&mut sums, &self.groups[random.gen_range(0..self.groups.len())]);
            }
            quotient(estimator, &sums)
        };
        let mut values: Vec<f64> = (0..RESAMPLES).filter_map(resample).collect();
        values.sort_unstable_by(f64::total_cmp);
        let tail = (values.len() as f64 * MISS / 2.0) as usize;
        values.get(tail).copied().zip(values.iter().rev().nth(tail).copied())
    }
}

/// The estimate for some sums.
fn quotient(estimator: Estimator, &[rows, expected, weights, weighted]: &Part) -> Option<f64> {
    let divisor = match estimator {
        Estimator::Mean => rows,
        Estimator::SelfNormalized => weights,
    };
    (rows > 0.0 && divisor > 0.0).then(|| expected / rows + weighted / divisor)
}

#[cfg(test)]
mod tests {
    use super::{Estimator, GROUPS, OffPolicySums, seed};
    use proptest::prelude::*;
    use rand::Rng;

    /// Rows of a log of three actions with known click probabilities under a policy that prefers the first, for a target
    /// that prefers the last, whose value is .5 × .3 + .3 × .2 + .2 × .1.
    fn simulated(rows: usize, seed: u64) -> OffPolicySums {
        let (logged, target, clicks) = ([0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.1, 0.2, 0.3]);
        let mut random = seed::random(seed, "simulated log");
        let mut sums = OffPolicySums::default();
        for _ in 0..rows {
            let drawn: f64 = random.r#gen();
            let action = if drawn < 0.6 {
                0
            } else if drawn < 0.9 {
                1
            } else {
                2
            };
            let reward = f64::from(u8::from(random.r#gen::<f64>() < clicks[action]));
            sums.add(0.0, target[action] / logged[action], reward);
        }
        sums
    }

    #[test]
    fn intervals_contain_the_true_value_about_as_often_as_they_say() {
        let truth = 0.23;
        let (mut bootstrap, mut bernstein) = ([0; 2], [0; 2]);
        for seed in 0..200 {
            let sums = simulated(2_000, seed);
            for (place, estimator) in [Estimator::Mean, Estimator::SelfNormalized].into_iter().enumerate() {
                let found = sums.interval(estimator).unwrap();
                let holds = |(low, high): (f64, f64)| i32::from(low <= truth && truth <= high);
                bootstrap[place] += holds(found.bootstrap);
                bernstein[place] += holds(found.bernstein);
            }
        }
        // 190 ± 3.1 are expected of the first; the second is a bound, and wider.
        assert!(bootstrap.iter().all(|&held| (180..=199).contains(&held)), "{bootstrap:?}");
        assert!(bernstein.iter().all(|&held| held >= 198), "{bernstein:?}");
    }

    #[test]
    fn a_log_of_the_policy_itself_is_estimated_by_its_mean_reward() {
        let mut sums = OffPolicySums::default();
        for reward in [0.0, 1.0, 1.0, 0.0, 3.0] {
            sums.add(0.0, 1.0, reward);
        }
        assert_eq!(sums.estimate(Estimator::Mean), Some(1.0));
        assert_eq!(sums.estimate(Estimator::SelfNormalized), Some(1.0));
        assert_eq!(sums.effective_sample_size(), Some(5.0));
        assert!(!sums.is_degenerate());
        assert_eq!(OffPolicySums::default().estimate(Estimator::Mean), None);
        assert_eq!(OffPolicySums::default().interval(Estimator::Mean), None);
    }

    #[test]
    fn one_weight_that_outweighs_all_others_is_degenerate() {
        let mut sums = OffPolicySums::default();
        for row in 0..1_000 {
            sums.add(0.0, if row == 0 { 1e6 } else { 1.0 }, 1.0);
        }
        assert!(sums.is_degenerate());
        assert!(sums.effective_sample_size().unwrap() < 1.01);
    }

    proptest! {
        #[test]
        fn parts_of_a_log_that_are_merged_are_estimated_like_the_whole(
            rows in prop::collection::vec((-1.0f64..1.0, 0.0f64..20.0, -2.0f64..2.0), 1..1500),
            cut in 0usize..1500,
        ) {
            let cut = cut.min(rows.len());
            let summed = |rows: &[(f64, f64, f64)]| {
                let mut sums = OffPolicySums::default();
                rows.iter().for_each(|&(expected, weight, residual)| sums.add(expected, weight, residual));
                sums
            };
            let whole = summed(&rows);
            let mut merged = summed(&rows[..cut]);
            merged.merge(&summed(&rows[cut..]));
            for estimator in [Estimator::Mean, Estimator::SelfNormalized] {
                let (whole, merged) = (whole.estimate(estimator), merged.estimate(estimator));
                prop_assert!(whole.zip(merged).is_none_or(|(a, b)| (a - b).abs() <= 1e-9 * a.abs().max(1.0)));
            }
            let [a, b] = [&whole, &merged].map(|sums| sums.interval(Estimator::Mean).map(|found| found.bernstein));
            prop_assert!(a.zip(b).is_none_or(|(a, b)| (a.0 - b.0).abs() < 1e-6 && (a.1 - b.1).abs() < 1e-6));
            let counted = |sums: &OffPolicySums| sums.groups.iter().map(|group| group[0]).sum::<f64>();
            prop_assert_eq!(counted(&whole), rows.len() as f64);
            prop_assert_eq!(counted(&merged), rows.len() as f64);
            prop_assert!(whole.groups.len() <= GROUPS && merged.groups.len() <= GROUPS);
        }
    }
}
