//! What k-means is asked for.

use serde::{Deserialize, Serialize};

/// What near means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Geometry {
    /// By the cosine: rows are of length one (or zero), centroids are mean directions.
    Spherical,
    /// By straight distance: centroids are means.
    Euclidean,
}

/// How many clusters to look for, and how hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmeansSettings {
    /// What near means.
    pub geometry: Geometry,
    /// Clusters; there are fewer where there are fewer different rows.
    pub n_clusters: usize,
    /// Clusters with fewer rows are dissolved.
    pub min_cluster_size: usize,
    /// How often to begin anew; the start with the smallest inertia wins.
    pub n_init: usize,
}
