//! The silhouette (Rousseeuw 1987): how much nearer rows are to their own cluster than to the next one.
//!
//! It costs 3·n²·d flops and uses the threads of the pool; [`silhouette_sequential`] is for callers that must not start
//! threads.

use super::labelled_clusters::{BLOCK_ROWS, LabelledClusters};
use crate::error::{EngineError, Result};
use crate::linalg::vector::distance;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::seed;
use rayon::prelude::*;

/// The name of the phase in progress reports.
const PHASE: &str = "silhouette";

/// Returns (b − a) / max(a, b) of one row from its distances to all rows, where a is the mean distance to the other
/// rows of its cluster and b the smallest mean distance to another cluster. It is 0 for a row that is alone in its
/// cluster.
fn silhouette_of(clusters: &LabelledClusters, row: usize, distances: &[f64]) -> f64 {
    let mut sums = vec![0.0; clusters.sizes.len()];
    for (distance, &cluster) in distances.iter().zip(&clusters.of_row) {
        sums[cluster as usize] += distance;
    }
    let own = clusters.of_row[row] as usize;
    if clusters.sizes[own] < 2 {
        return 0.0;
    }
    let within = sums[own] / (clusters.sizes[own] - 1) as f64;
    let nearest = (0..sums.len())
        .filter(|&cluster| cluster != own)
        .map(|cluster| sums[cluster] / clusters.sizes[cluster] as f64)
        .fold(f64::INFINITY, f64::min);
    let larger = within.max(nearest);
    if larger > 0.0 { (nearest - within) / larger } else { 0.0 }
}

/// Computes the distances of one row to all rows.
fn distances_of(points: &Matrix, row: usize, distances: &mut Vec<f64>) {
    distances.clear();
    pulp::Arch::new().dispatch(|| {
        for other in 0..points.rows() {
            distances.push(distance(points.row(row), points.row(other)));
        }
    });
}

/// The mean silhouette by Euclidean distance, −1 … 1. It is exact for up to `sample` rows; of more rows, that many are
/// drawn by the seed and compared with each other. `None` if there are fewer than two clusters. A row that is alone in
/// its cluster counts as 0.
///
/// # Errors
/// [`EngineError::Shape`] if there is not one label for each row, [`EngineError::Cancelled`].
pub fn silhouette(
    points: &Matrix,
    of_row: &[u32],
    sample: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Option<f64>> {
    Ok(silhouettes(points, &[of_row], sample, seed, observer)?.pop().flatten())
}

/// The silhouettes of several divisions of the same rows. The distances, which cost most, are computed only once, and
/// each result is bit for bit that of [`silhouette`].
///
/// # Errors
/// Those of [`silhouette`].
pub fn silhouettes(
    points: &Matrix,
    divisions: &[&[u32]],
    sample: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<Option<f64>>> {
    observer.check()?;
    let rows = points.rows();
    if let Some(other) = divisions.iter().find(|of_row| of_row.len() != rows) {
        return Err(EngineError::Shape { what: "labels", expected: rows, found: other.len() });
    }
    if rows > sample {
        let mut random = seed::random(seed, PHASE);
        let mut chosen: Vec<u32> =
            rand::seq::index::sample(&mut random, rows, sample).iter().map(|row| row as u32).collect();
        chosen.sort_unstable();
        let of_chosen = |of_row: &&[u32]| chosen.iter().map(|&row| of_row[row as usize]).collect();
        let divisions: Vec<Vec<u32>> = divisions.iter().map(of_chosen).collect();
        let divisions: Vec<&[u32]> = divisions.iter().map(Vec::as_slice).collect();
        return silhouettes(&points.select(&chosen), &divisions, sample, seed, observer);
    }
    let clusters: Vec<Option<LabelledClusters>> =
        divisions.iter().map(|of_row| LabelledClusters::of(points, of_row)).collect();
    let dividing: Vec<&LabelledClusters> = clusters.iter().flatten().collect();
    let mut totals = vec![0.0; dividing.len()];
    let steps = if dividing.is_empty() { 0 } else { rows.div_ceil(BLOCK_ROWS) };
    for step in 0..steps {
        let first = step * BLOCK_ROWS;
        let block: Vec<Vec<f64>> = (first..rows.min(first + BLOCK_ROWS))
            .into_par_iter()
            .map_init(Vec::new, |distances, row| {
                observer.check()?;
                distances_of(points, row, distances);
                Ok(dividing.iter().map(|clusters| silhouette_of(clusters, row, distances)).collect())
            })
            .collect::<Result<_>>()?;
        for (division, total) in totals.iter_mut().enumerate() {
            *total += block.iter().map(|of_row| of_row[division]).sum::<f64>();
        }
        observer.report(Progress::step(PHASE, step + 1, steps));
    }
    let mut totals = totals.into_iter();
    let mean = |clusters: Option<LabelledClusters>| clusters.and_then(|_| Some(totals.next()? / rows as f64));
    Ok(clusters.into_iter().map(mean).collect())
}

/// The mean silhouette of all given rows, on the calling thread. `None` if there are fewer than two clusters, or not
/// one label for each row.
///
/// # Errors
/// [`EngineError::Cancelled`].
pub fn silhouette_sequential(
    points: &Matrix,
    of_row: &[u32],
    observer: &dyn Observer,
) -> Result<Option<f64>> {
    let Some(clusters) = LabelledClusters::of(points, of_row) else { return Ok(None) };
    let (mut total, mut distances) = (0.0, Vec::new());
    for row in 0..points.rows() {
        observer.check()?;
        distances_of(points, row, &mut distances);
        total += silhouette_of(&clusters, row, &distances);
    }
    Ok(Some(total / points.rows() as f64))
}
