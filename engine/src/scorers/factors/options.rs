//! The settings of alternating least squares, checked.

use serde::{Deserialize, Serialize};

/// Settings of the backbone and the segment factors. Names, ranges and defaults stand in
/// [`crate::options::checked`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsOptions {
    /// k, the length of a factor vector.
    pub factors: usize,
    /// Passes over users and items.
    pub sweeps: usize,
    /// λ.
    pub regularization: f64,
    /// α₀.
    pub unobserved_weight: f64,
    /// ν: how the regularization grows with the number of a row's entries.
    pub frequency_exponent: f64,
    /// η: how much users of other segments count in a segment's item factors.
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
    /// Settings for tests: small and quick.
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
