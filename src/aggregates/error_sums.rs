//! The sums from which errors of predictions are known.

use serde::{Deserialize, Serialize};

/// What predictions were off by, in all.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ErrorSums {
    /// The number of rows.
    pub count: u64,
    /// The sum of |predicted − actual|.
    pub sizes: f64,
    /// The sum of (predicted − actual)².
    pub squares: f64,
}

impl ErrorSums {
    /// Adds what others were off by.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sizes += other.sizes;
        self.squares += other.squares;
    }
}
