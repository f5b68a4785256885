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
    /// p, the exponent of the weight (1 + r)^−p of an item of rank r in a user's own history; 0 if all count the same.
    /// That of histories is taken. On MovieLens 100k, with p .75 and q ½ and the usual shares, the mean ndcg@10 of the items 2
    /// to 6 places before the end of each user's, each by a training on what came before, is .1401 instead of .1319 with
    /// equal items (+.0081 ± .0016, paired by user), and .1392 without neighbours of users; on Online Retail by time they
    /// make no difference (−.0001 ± .0003). To weigh a neighbour's items, too, by how close in their order they are to
    /// those that both have gains nothing more, and takes ten times as long.
    pub recency: f64,
}

impl Default for UserNeighbourOptions {
    fn default() -> Self {
        Self { considered: 200, kept: 200, regularization: 2.0, recency: 0.0 }
    }
}
