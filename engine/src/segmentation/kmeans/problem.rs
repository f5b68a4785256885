//! The types that the parts of k-means share: the rows with their masses, the resulting clusters and the sizes of
//! tasks.

use super::blocks::map_blocks;
use super::settings::Geometry;
use crate::error::{EngineError, Result};
use crate::linalg::vector::squared_distance;
use crate::matrix::{Matrix, Rows};
use crate::memory;
use crate::observer::Observer;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "segments";
/// Rows of a block: enough for a fast matrix product, few enough for the second-level cache.
pub(super) const BLOCK_ROWS: usize = 256;
/// The number of flops below which waking another thread does not pay: about 50 µs.
pub(super) const TASK_FLOPS: usize = 1 << 20;

/// The smallest number of blocks of a task, if blocks have `rows` rows and each row is compared with `count` others.
pub(super) fn task_blocks(rows: usize, columns: usize, count: usize) -> usize {
    1 + TASK_FLOPS / (2 * rows * (columns + 1) * (count + 1))
}

/// A division of the rows of a matrix into clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// clusters × k; rows of length one in the spherical geometry.
    pub centroids: Matrix,
    /// The cluster of each row, from 0.
    pub of_row: Vec<u32>,
    /// Σ weight · ‖x − c‖², where c is the centroid of the row's cluster. In the spherical geometry a row of zeros has
    /// no direction and is left out.
    pub inertia: f64,
}

/// The input of k-means, which is the same in every start.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    /// The rows to divide.
    pub points: Rows<'a>,
    /// The mass of each row: its weight, or 0 if it has no direction.
    pub masses: &'a [f32],
    /// The distance by which rows are assigned to clusters.
    pub geometry: Geometry,
    /// The mean variance of the columns, to which the shift of a centroid is compared.
    pub variance: f64,
    /// Receives reports of progress and says when to stop.
    pub observer: &'a dyn Observer,
}

/// Returns mass · ‖x − c‖² of each row, where c is the centroid of its cluster.
///
/// # Errors
/// [`EngineError::Cancelled`], [`EngineError::NoMemory`].
pub fn misfits(problem: &Problem, of_row: &[u32], centroids: &Matrix) -> Result<Vec<f64>> {
    let mut misfits = memory::filled(0.0, of_row.len())?;
    let blocks = misfits.chunks_mut(BLOCK_ROWS).enumerate();
    let least = task_blocks(BLOCK_ROWS, centroids.columns(), 1);
    map_blocks(
        blocks,
        least,
        || (),
        |(), (block, misfits)| {
            problem.observer.check()?;
            for (row, misfit) in (block * BLOCK_ROWS..).zip(misfits) {
                let squared = squared_distance(problem.points.row(row), centroids.row(of_row[row] as usize));
                *misfit = f64::from(problem.masses[row]) * f64::from(squared);
            }
            Ok(())
        },
    )?;
    Ok(misfits)
}

/// Returns the clusters with the smallest inertia of several starts; the first one in case of ties.
///
/// # Errors
/// [`EngineError::NotFinite`] if no start has a finite inertia, and the errors of `start`.
pub fn best_of(starts: usize, mut start: impl FnMut() -> Result<Clusters>) -> Result<Clusters> {
    let mut best = start()?;
    for _ in 1..starts {
        let found = start()?;
        if found.inertia < best.inertia {
            best = found;
        }
    }
    if best.inertia.is_finite() { Ok(best) } else { Err(EngineError::NotFinite { what: "rows to divide" }) }
}

/// The mass of a row: its weight, but 0 if that is negative or NaN, or if the spherical geometry finds no direction.
pub(super) fn mass(row: &[f32], weight: f32, geometry: Geometry) -> f32 {
    let directed = geometry == Geometry::Euclidean || row.iter().any(|&x| x != 0.0);
    if directed { weight.max(0.0) } else { 0.0 }
}
