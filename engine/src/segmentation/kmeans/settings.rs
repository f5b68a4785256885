//! The settings of k-means.

use serde::{Deserialize, Serialize};

/// The distance by which rows are assigned to clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Geometry {
    /// Cosine distance: rows have length one (or zero), and centroids are mean directions.
    Spherical,
    /// Euclidean distance: centroids are means.
    Euclidean,
}

/// The number of clusters, and how many starts are tried to find them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmeansSettings {
    /// The distance by which rows are assigned to clusters.
    pub geometry: Geometry,
    /// The number of clusters; fewer are found if there are fewer distinct rows.
    pub n_clusters: usize,
    /// Clusters with fewer rows than this are dissolved.
    pub min_cluster_size: usize,
    /// The number of starts, of which the one with the smallest inertia is kept.
    pub n_init: usize,
}
