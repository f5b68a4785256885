//! The figures of one division of points.

/// How good a partition is; none where there are fewer than two groups.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Mean silhouette of a sample.
    pub silhouette: Option<f64>,
    /// The Davies–Bouldin index; lower is better.
    pub davies_bouldin: Option<f64>,
    /// The Calinski–Harabasz index; higher is better.
    pub calinski_harabasz: Option<f64>,
}
