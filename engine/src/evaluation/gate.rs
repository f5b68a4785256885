//! The gate: a segment's own factors are used only if they beat those of the backbone on held-out events by more than
//! one standard error.
//!
//! Segments are small, so the mean difference of a single one is noisy. All are therefore judged together: their
//! differences are shrunk towards a common mean, depending on how much segments really differ (random effects,
//! DerSimonian & Laird 1986). If that common mean is a gain of more than its standard error, a segment fails only if
//! its shrunken difference is not positive; otherwise a segment must beat its own standard error.

use super::standard_error::mean_and_error;

/// The decision of the gate for one segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The number of held-out users in the segment.
    pub users: usize,
    /// The mean difference of these users: own factors minus backbone.
    pub gain: f64,
    /// The gain, shrunk towards the mean of all segments.
    pub shrunken_gain: f64,
    /// The standard error of the shrunken gain.
    pub error: f64,
    /// Whether the segment's own factors are used.
    pub passed: bool,
}

impl Gate {
    /// The gate of a segment without measured users, which gets no factors of its own.
    pub fn unmeasured() -> Self {
        Self { users: 0, gain: 0.0, shrunken_gain: 0.0, error: f64::INFINITY, passed: false }
    }
}

/// Decides for each segment, given the paired differences of its held-out users.
pub fn gate(differences: &[Vec<f64>]) -> Vec<Gate> {
    let own: Vec<(f64, f64)> = differences
        .iter()
        .map(|values| {
            let (mean, error) = mean_and_error(values);
            (mean, error * error)
        })
        .collect();
    let measured: Vec<(f64, f64)> =
        own.iter().copied().filter(|(_, variance)| variance.is_finite()).collect();
    let (common, common_variance, between) = random_effects(&measured);
    let all_gain = common > common_variance.sqrt();
    differences
        .iter()
        .zip(own)
        .map(|(values, (gain, variance))| {
            let (shrunken_gain, error) = shrink(gain, variance, common, common_variance, between);
            let passed = !values.is_empty() && shrunken_gain > 0.0 && (all_gain || shrunken_gain > error);
            Gate { users: values.len(), gain, shrunken_gain, error, passed }
        })
        .collect()
}

/// The common mean, its variance, and the variance between segments.
fn random_effects(measured: &[(f64, f64)]) -> (f64, f64, f64) {
    // A segment whose differences are all equal has variance 0, which would give it infinite weight.
    let least = measured.iter().map(|m| m.1).filter(|&v| v > 0.0).fold(f64::INFINITY, f64::min);
    if !least.is_finite() {
        return (0.0, f64::INFINITY, 0.0);
    }
    let weigh = |between: f64| {
        let (mut weights, mut weighted, mut squares) = (0.0, 0.0, 0.0);
        for &(mean, variance) in measured {
            let weight = 1.0 / (variance.max(least) + between);
            weights += weight;
            weighted += weight * mean;
            squares += weight * weight;
        }
        (weighted / weights, weights, squares)
    };
    let (mean, weights, squares) = weigh(0.0);
    let spread: f64 = measured.iter().map(|&(m, v)| (m - mean).powi(2) / v.max(least)).sum();
    let freedom = measured.len() as f64 - 1.0;
    let divisor = weights - squares / weights;
    let between = if divisor > 0.0 { ((spread - freedom) / divisor).max(0.0) } else { 0.0 };
    let (common, weights, _) = weigh(between);
    (common, 1.0 / weights, between)
}

/// The posterior mean and error of a segment's difference, given its own mean and the common one.
fn shrink(gain: f64, variance: f64, common: f64, common_variance: f64, between: f64) -> (f64, f64) {
    if !common_variance.is_finite() {
        return (gain, variance.sqrt());
    }
    let prior = between + common_variance;
    if !variance.is_finite() {
        return (common, prior.sqrt());
    }
    if variance + prior <= 0.0 {
        return (gain, 0.0);
    }
    let own_share = prior / (variance + prior);
    (own_share * gain + (1.0 - own_share) * common, (own_share * variance).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `users` differences with a mean and a spread of one.
    fn differences(segment: u64, users: u64, mean: f64) -> Vec<f64> {
        let noise = |i: u64| (crate::seed::mix(segment * 1_000_003 + i) >> 11) as f64 / (1u64 << 53) as f64;
        (0..users).map(|user| mean + 3.46 * (noise(user) - 0.5)).collect()
    }

    #[test]
    fn a_common_gain_passes_everywhere_though_each_segment_alone_is_noisy() {
        let all: Vec<Vec<f64>> = (0..40).map(|segment| differences(segment, 100, 0.09)).collect();
        let passed = gate(&all).iter().filter(|gate| gate.passed).count();
        assert!(passed >= 36, "{passed}");
    }

    /// From −.1 to .25: the common gain is clear, many of the segments' own are not.
    #[test]
    fn a_gain_that_segments_share_unequally_passes_where_it_is_smaller_than_its_error() {
        let mean = |segment| 0.35 * segment as f64 / 39.0 - 0.1;
        let all: Vec<Vec<f64>> = (0..40).map(|segment| differences(segment, 100, mean(segment))).collect();
        let gates = gate(&all);
        assert!(gates.iter().any(|gate| gate.passed && gate.shrunken_gain < gate.error), "{gates:?}");
        assert!(gates.iter().any(|gate| !gate.passed), "{gates:?}");
        assert!(gates.iter().all(|gate| gate.passed == (gate.shrunken_gain > 0.0)), "{gates:?}");
    }

    /// Without a common gain the few that gain must beat their own error.
    #[test]
    fn few_that_gain_among_losers_are_held_against_their_own_error() {
        let mean = |segment| if segment < 4 { 0.5 } else { -0.3 };
        let all: Vec<Vec<f64>> = (0..40).map(|segment| differences(segment, 100, mean(segment))).collect();
        let gates = gate(&all);
        assert!(gates[..4].iter().all(|gate| gate.passed && gate.shrunken_gain > gate.error), "{gates:?}");
        assert!(gates[4..].iter().all(|gate| !gate.passed), "{gates:?}");
    }

    #[test]
    fn without_a_gain_nearly_nothing_passes() {
        let all: Vec<Vec<f64>> = (0..40).map(|segment| differences(segment, 100, -0.02)).collect();
        let passed = gate(&all).iter().filter(|gate| gate.passed).count();
        assert!(passed <= 2, "{passed}");
    }

    #[test]
    fn a_segment_that_clearly_loses_is_held_back_among_winners() {
        let mut all: Vec<Vec<f64>> = (0..10).map(|segment| differences(segment, 400, 0.4)).collect();
        all.push(differences(99, 400, -0.5));
        let gates = gate(&all);
        assert!(!gates[10].passed && gates[..10].iter().all(|gate| gate.passed));
    }

    #[test]
    fn no_users_or_no_difference_never_pass() {
        assert!(gate(&[vec![], vec![0.0; 50]]).iter().all(|gate| !gate.passed));
        assert!(gate(&[vec![0.3]]).iter().all(|gate| !gate.passed));
        assert!(gate(&[]).is_empty());
    }
}
