//! The checked settings of alternating least squares.

use serde::{Deserialize, Serialize};

/// Settings of the backbone and the segment factors. [`crate::options::checked`] defines names, ranges and
/// defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsOptions {
    /// k, the length of the factor vectors.
    pub factors: usize,
    /// Number of passes over users and items.
    pub sweeps: usize,
    /// λ, the L2 regularization of the factors.
    pub regularization: f64,
    /// α₀, the weight of every unobserved (user, item) pair.
    pub unobserved_weight: f64,
    /// ν, how the regularization grows with the number of a row's entries.
    pub frequency_exponent: f64,
    /// η, the weight of users of other segments in a segment's item factors.
    pub sharing: f64,
}

impl AlsOptions {
    /// λ (n + α₀ N)^ν for a row with `entries` entries against `others` rows of the other side
    /// (Rendle et al. 2021, eq. 5).
    pub fn row_regularization(&self, entries: f64, others: f64) -> f32 {
        let frequency = entries + self.unobserved_weight * others;
        (self.regularization * frequency.powf(self.frequency_exponent)) as f32
    }
}

#[cfg(test)]
impl AlsOptions {
    /// Settings for tests that must run fast.
    pub fn small(factors: usize) -> Self {
        Self {
            factors,
            sweeps: 8,
            regularization: 0.003,
            unobserved_weight: 0.05,
            frequency_exponent: 1.0,
            sharing: 0.1,
        }
    }
}
