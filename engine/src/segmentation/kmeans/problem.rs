//! What the parts of k-means share: the rows and their masses, how rows are split among tasks, and what is found.

use super::blocks::map_blocks;
use super::settings::Geometry;
use crate::error::{EngineError, Result};
use crate::linalg::vector::squared_distance;
use crate::matrix::{Matrix, Rows};
use crate::memory;
use crate::observer::Observer;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "segments";
/// Rows of a block: enough for the speed of a matrix product, few enough for the second cache.
pub(super) const BLOCK_ROWS: usize = 256;
/// Flops below which it does not pay to wake another thread: some 50 µs.
pub(super) const TASK_FLOPS: usize = 1 << 20;

/// Blocks of so many rows that a task has at least, where each row is compared with `count` others.
pub(super) fn task_blocks(rows: usize, columns: usize, count: usize) -> usize {
    1 + TASK_FLOPS / (2 * rows * (columns + 1) * (count + 1))
}

/// Clusters of the rows of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// clusters × k; of length one in the spherical geometry.
    pub centroids: Matrix,
    /// The cluster of every row, from 0.
    pub of_row: Vec<u32>,
    /// Σ weight · ‖x − c‖², c the centroid of the row's cluster. In the spherical geometry a row of
    /// zeros has no direction and is left out.
    pub inertia: f64,
}

/// What is divided, the same in every start.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    /// The rows.
    pub points: Rows<'a>,
    /// What each row weighs; nothing where it has no direction.
    pub masses: &'a [f32],
    /// What near means.
    pub geometry: Geometry,
    /// The mean of a column's variance: the scale of a centroid's shift.
    pub variance: f64,
    /// Hears of progress and says when to stop.
    pub observer: &'a dyn Observer,
}

/// mass · ‖x − c‖² of every row, c the centroid of its cluster.
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

/// The clusters of least inertia of several starts, the first among equals.
///
/// # Errors
/// [`EngineError::NotFinite`] where no start has a finite one; those of `start`.
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

/// A weight below zero or unknown counts as nothing, as does a row without direction where it needs one.
pub(super) fn mass(row: &[f32], weight: f32, geometry: Geometry) -> f32 {
    let directed = geometry == Geometry::Euclidean || row.iter().any(|&x| x != 0.0);
    if directed { weight.max(0.0) } else { 0.0 }
}
