//! The methods that compute neighbours, and their settings.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "neighbours";

/// How the item-to-item weights are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum NeighbourMethod {
    /// A ridge regression of every item on its nearest items ([`super::ridge`]).
    Ridge,
    /// Weighted co-occurrence, with the exponents that rank best ([`super::cooccurrence`]).
    Filter,
    /// The cosine of the items' columns.
    Cosine,
    /// The cosine, in which tf-idf reduces the weight of users with many items.
    TfIdf,
    /// RP3β: a three-step random walk that penalizes popular targets.
    Rp3,
}

/// Settings of the neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighbourOptions {
    /// How the weights are computed.
    pub method: NeighbourMethod,
    /// K, the number of sources that the ridge considers per target. Other methods ignore it.
    pub considered: usize,
    /// The number of targets kept per source.
    pub kept: usize,
    /// ρ, the positive L2 regularization of the ridge. Other methods ignore it.
    pub regularization: f64,
    /// q, the exponent of the closeness (1 + |r − s|)^−q of two items of ranks r and s in a user's order, by which the
    /// ridge counts what they have in common; 0 if order does not matter. Other methods ignore it.
    pub distance: f64,
}

impl Default for NeighbourOptions {
    fn default() -> Self {
        Self {
            method: NeighbourMethod::Ridge,
            considered: 200,
            kept: 50,
            regularization: 20.0,
            distance: 0.0,
        }
    }
}
