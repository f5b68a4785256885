//! The measures of one division of points.

/// The quality of a partition; each measure is `None` if there are fewer than two groups.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// The mean silhouette of a sample of rows.
    pub silhouette: Option<f64>,
    /// The Davies–Bouldin index; lower is better.
    pub davies_bouldin: Option<f64>,
    /// The Calinski–Harabasz index; higher is better.
    pub calinski_harabasz: Option<f64>,
}
