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
    /// The number of items kept per user. With factors and neighbours of items, 100, 200, 300 and 500 reach .2324/.1370,
    /// .2337/.1378, .2335/.1377 and .2326/.1368 (recall/ndcg@20) on Gowalla's validation split, each with the share that
    /// was found for it; without neighbours of users it is .2303/.1352.
    pub kept: usize,
    /// λ, the positive L2 regularization of the regression.
    pub regularization: f64,
}

impl Default for UserNeighbourOptions {
    fn default() -> Self {
        Self { considered: 200, kept: 200, regularization: 2.0 }
    }
}
