//! Measures of how compact and how well separated clusters are: the indices of Davies & Bouldin (1979) and of Caliński
//! & Harabasz (1974), with the conventions of scikit-learn in corner cases.

use super::labelled_clusters::LabelledClusters;
use crate::error::Result;
use crate::matrix::Matrix;
use crate::observer::Observer;

/// Distances up to this count as zero in [`davies_bouldin`], as in scikit-learn.
const NEARLY_ZERO: f64 = 1e-8;

/// Returns ‖x − mean‖².
fn square_to(point: &[f32], mean: &[f64]) -> f64 {
    point.iter().zip(mean).map(|(&x, m)| (f64::from(x) - m) * (f64::from(x) - m)).sum()
}

/// The Davies–Bouldin index: the mean over clusters of the largest (sum of both spreads) / (distance of the means),
/// where the spread is the mean distance to the mean. It is at least 0; lower is better. `None` if there are fewer than
/// two clusters. All pairs of clusters are compared, and `observer` is checked before each cluster.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
pub fn davies_bouldin(points: &Matrix, of_row: &[u32], observer: &dyn Observer) -> Result<Option<f64>> {
    let Some(clusters) = LabelledClusters::of(points, of_row) else { return Ok(None) };
    let (columns, count) = (points.columns(), clusters.sizes.len());
    let means = clusters.means(points, observer)?;
    let mean = |cluster: usize| &means[cluster * columns..(cluster + 1) * columns];
    let mut spreads = vec![0.0; count];
    for (row, &cluster) in clusters.of_row.iter().enumerate() {
        let cluster = cluster as usize;
        spreads[cluster] += square_to(points.row(row), mean(cluster)).sqrt() / clusters.sizes[cluster] as f64;
    }
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
    let (mut total, mut farthest) = (0.0, 0.0f64);
    for one in 0..count {
        observer.check()?;
        let mut worst = 0.0f64;
        for other in 0..count {
            let distance = apart(mean(one), mean(other));
            farthest = farthest.max(distance);
            // Pairs of clusters with the same mean are ignored, as in scikit-learn.
            if distance > 0.0 {
                worst = worst.max((spreads[one] + spreads[other]) / distance);
            }
        }
        total += worst;
    }
    let widest = spreads.iter().copied().fold(0.0, f64::max);
    let nothing = widest <= NEARLY_ZERO || farthest <= NEARLY_ZERO;
    Ok(Some(if nothing { 0.0 } else { total / count as f64 }))
}

/// The Caliński–Harabasz index: the variance between clusters over the variance within, each divided by its degrees of
/// freedom. It is at least 0, and higher is better; 1 if there is no variance within. `None` if there are fewer than
/// two clusters.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
pub fn calinski_harabasz(points: &Matrix, of_row: &[u32], observer: &dyn Observer) -> Result<Option<f64>> {
    let Some(clusters) = LabelledClusters::of(points, of_row) else { return Ok(None) };
    let (rows, count) = (points.rows() as f64, clusters.sizes.len() as f64);
    let columns = points.columns();
    let means = clusters.means(points, observer)?;
    let within: f64 = clusters
        .of_row
        .iter()
        .enumerate()
        .map(|(row, &cluster)| square_to(points.row(row), &means[cluster as usize * columns..][..columns]))
        .sum();
    let means = || means.chunks_exact(columns.max(1));
    let mut middle = vec![0.0; columns];
    for (mean, &size) in means().zip(&clusters.sizes) {
        middle.iter_mut().zip(mean).for_each(|(sum, m)| *sum += m * size as f64 / rows);
    }
    let between: f64 = means()
        .zip(&clusters.sizes)
        .map(|(mean, &size)| {
            size as f64 * mean.iter().zip(&middle).map(|(m, c)| (m - c) * (m - c)).sum::<f64>()
        })
        .sum();
    Ok(Some(if within > 0.0 { between * (rows - count) / (within * (count - 1.0)) } else { 1.0 }))
}
