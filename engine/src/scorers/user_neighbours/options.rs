//! The settings of neighbours of users.

use serde::{Deserialize, Serialize};

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "user neighbours";

/// Settings of neighbours of users.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserNeighbourOptions {
    /// K, the number of nearest users that a user is regressed on.
    pub considered: usize,
    /// The number of items kept per user.
    pub kept: usize,
    /// λ, the positive L2 regularization of the regression.
    pub regularization: f64,
}

impl Default for UserNeighbourOptions {
    fn default() -> Self {
        Self { considered: 200, kept: 300, regularization: 2.0 }
    }
}
