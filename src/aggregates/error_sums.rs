//! The sums from which errors of predictions are computed.

use serde::{Deserialize, Serialize};

/// The sums of errors over predictions.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ErrorSums {
    /// The number of predictions.
    pub count: u64,
    /// The sum of |predicted − actual|.
    pub sizes: f64,
    /// The sum of (predicted − actual)².
    pub squares: f64,
}

impl ErrorSums {
    /// Adds the sums over other predictions.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sizes += other.sizes;
        self.squares += other.squares;
    }
}
