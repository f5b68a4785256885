//! The methods that give neighbours, and their settings.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "neighbours";

/// How the weights between items are found.
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
    /// The cosine, where users with many items count less by tf-idf.
    TfIdf,
    /// RP3β: a random walk of three steps that punishes popular targets.
    Rp3,
}

/// Settings of the neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighbourOptions {
    /// How the weights are found.
    pub method: NeighbourMethod,
    /// K: how many sources the ridge considers for a target. The other methods do not use it.
    pub considered: usize,
    /// How many targets are kept for each source.
    pub kept: usize,
    /// ρ of the ridge, positive. The other methods do not use it.
    pub regularization: f64,
}

impl Default for NeighbourOptions {
    fn default() -> Self {
        Self { method: NeighbourMethod::Ridge, considered: 200, kept: 50, regularization: 20.0 }
    }
}
