//! The update step of k-means: the sums of the rows of clusters, and the means computed from them.
//!
//! Sums are kept in `f64` and updated by the rows that changed clusters. The rows of a cluster are added in their
//! order, so the result does not depend on the number of threads.

use super::blocks::map_blocks;
use super::problem::{Problem, TASK_FLOPS, misfits};
use super::settings::Geometry;
use crate::error::{EngineError, Result};
use crate::matrix::{Matrix, Rows};
use crate::memory;
use crate::observer::Silent;
use pulp::{Simd, WithSimd};

/// The number of rows summed by one task.
const SUM_ROWS: usize = 2048;
/// The cluster of a row that has none yet.
pub(super) const NOWHERE: u32 = u32::MAX;

/// The move of a row from one cluster to another.
#[derive(Clone, Copy)]
pub(super) struct Move {
    pub(super) row: u32,
    pub(super) from: u32,
    pub(super) to: u32,
}

/// The sums of the rows of each cluster.
pub struct ClusterSums {
    columns: usize,
    sums: Vec<f64>,
    /// The total mass of the rows of each cluster.
    pub masses: Vec<f64>,
    /// The number of rows of each cluster whose mass is above zero.
    pub(super) rows: Vec<usize>,
}

impl ClusterSums {
    /// Computes the sums of `count` clusters; `of_row` is the cluster of each row.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], [`EngineError::NoMemory`].
    pub fn of(problem: &Problem, of_row: &[u32], count: usize) -> Result<Self> {
        let mut sums = Self::new(count, problem.points.columns());
        let weighty = || (0u32..).zip(of_row).zip(problem.masses).filter(|&(_, &mass)| mass > 0.0);
        weighty().for_each(|((_, &to), _)| sums.rows[to as usize] += 1);
        let changes = sums.rows.iter().map(|&rows| memory::with_room(rows));
        let mut changes: Vec<Vec<(u32, f32)>> = changes.collect::<Result<_>>()?;
        weighty().for_each(|((row, &to), &mass)| changes[to as usize].push((row, mass)));
        sums.add(problem, &changes)?;
        Ok(sums)
    }

    /// The sum of the rows of a cluster.
    pub fn row(&self, cluster: usize) -> &[f64] {
        &self.sums[cluster * self.columns..][..self.columns]
    }

    pub(super) fn new(count: usize, columns: usize) -> Self {
        Self { columns, sums: vec![0.0; count * columns], masses: vec![0.0; count], rows: vec![0; count] }
    }

    pub(super) fn apply(&mut self, problem: &Problem, moves: &[Move]) -> Result<()> {
        // The rows that each cluster gains and loses, in the order of rows.
        let mut changes: Vec<Vec<(u32, f32)>> = vec![Vec::new(); self.rows.len()];
        for &Move { row, from, to } in moves {
            let mass = problem.masses[row as usize];
            if mass > 0.0 {
                push(&mut changes[to as usize], (row, mass))?;
                self.rows[to as usize] += 1;
                if from != NOWHERE {
                    push(&mut changes[from as usize], (row, -mass))?;
                    self.rows[from as usize] -= 1;
                }
            }
        }
        self.add(problem, &changes)
    }

    /// Adds to each cluster the given rows times their masses.
    fn add(&mut self, problem: &Problem, changes: &[Vec<(u32, f32)>]) -> Result<()> {
        let Problem { points, observer, .. } = *problem;
        let parts: Vec<(usize, &[(u32, f32)])> = changes
            .iter()
            .enumerate()
            .flat_map(|(cluster, changes)| changes.chunks(SUM_ROWS).map(move |part| (cluster, part)))
            .collect();
        let flops = 2 * points.columns() * changes.iter().map(Vec::len).sum::<usize>();
        let least = 1 + parts.len() * TASK_FLOPS / (flops + 1);
        let partial = map_blocks(
            parts.iter(),
            least,
            || (),
            |(), (_, changes)| {
                observer.check()?;
                let mut sum = vec![0.0; points.columns()];
                pulp::Arch::new().dispatch(AddRows { sum: &mut sum, points, changes });
                Ok(sum)
            },
        )?;
        for ((cluster, changes), partial) in parts.iter().zip(partial) {
            let sum = &mut self.sums[cluster * self.columns..][..self.columns];
            sum.iter_mut().zip(partial).for_each(|(sum, part)| *sum += part);
            self.masses[*cluster] += changes.iter().map(|&(_, mass)| f64::from(mass)).sum::<f64>();
        }
        Ok(())
    }

    /// Sets each centroid to the mean of its cluster. A cluster without a mean keeps its centroid.
    pub fn means(&mut self, geometry: Geometry, centroids: &mut Matrix) {
        for cluster in 0..self.rows.len() {
            let sum = &mut self.sums[cluster * self.columns..][..self.columns];
            if self.rows[cluster] == 0 {
                // Removes the rounding errors of the rows that were added and subtracted.
                sum.fill(0.0);
                self.masses[cluster] = 0.0;
                continue;
            }
            let scale = match geometry {
                Geometry::Spherical => sum.iter().map(|s| s * s).sum::<f64>().sqrt(),
                Geometry::Euclidean => self.masses[cluster],
            };
            if scale > 0.0 {
                centroids.row_mut(cluster).iter_mut().zip(sum).for_each(|(c, s)| *c = (*s / scale) as f32);
            }
        }
    }
}

fn push<T>(values: &mut Vec<T>, value: T) -> Result<()> {
    memory::reserve(values, 1)?;
    values.push(value);
    Ok(())
}

/// Adds rows times their masses to a sum.
struct AddRows<'a> {
    sum: &'a mut [f64],
    points: Rows<'a>,
    changes: &'a [(u32, f32)],
}

impl WithSimd for AddRows<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for &(row, mass) in self.changes {
            let mass = f64::from(mass);
            let row = self.points.row(row as usize);
            self.sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += mass * f64::from(x));
        }
    }
}

/// Returns the mean of each cluster's rows, normalized in the spherical geometry. It is zero if a cluster has no rows
/// or if their sum has no direction.
pub fn means(
    points: &Matrix,
    weights: Option<&[f32]>,
    of_row: &[u32],
    count: usize,
    geometry: Geometry,
) -> Matrix {
    let mut centroids = Matrix::zeros(count, points.columns());
    let ones = if weights.is_none() { vec![1.0; points.rows()] } else { Vec::new() };
    let masses = weights.unwrap_or(&ones);
    let problem = Problem { points: points.view(), masses, geometry, variance: 0.0, observer: &Silent };
    // `Silent` never cancels. If the memory for the lists of rows is missing, the caller's next allocation fails too.
    if let Ok(mut sums) = ClusterSums::of(&problem, of_row, count) {
        sums.means(geometry, &mut centroids);
    }
    centroids
}

/// Returns the mean of all rows, and the mean of the variances of the columns.
///
/// # Errors
/// [`EngineError::NotFinite`] if the variance is not finite; [`EngineError::Cancelled`], [`EngineError::NoMemory`].
pub fn mean_and_variance(problem: &Problem) -> Result<(Matrix, f64)> {
    let whole = memory::filled(0, problem.points.rows())?;
    let mut sums = ClusterSums::of(problem, &whole, 1)?;
    let mut mean = Matrix::zeros(1, problem.points.columns());
    sums.means(Geometry::Euclidean, &mut mean);
    let values = sums.masses[0] * mean.columns() as f64;
    let squares: f64 = misfits(problem, &whole, &mean)?.iter().sum();
    let variance = if values > 0.0 { squares / values } else { 0.0 };
    if variance.is_finite() {
        Ok((mean, variance))
    } else {
        Err(EngineError::NotFinite { what: "rows to divide" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_means_of_members_and_zero_without() {
        let points = Matrix::from_data(2, vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 3.0, 1.0]).unwrap();
        let found = means(&points, Some(&[1.0, 1.0, 1.0, 3.0]), &[0, 0, 2, 2], 3, Geometry::Euclidean);
        assert_eq!(found.data(), &[0.5, 0.5, 0.0, 0.0, 2.25, 0.75]);
        let found = means(&points, None, &[0, 0, 1, 1], 3, Geometry::Spherical);
        let expected = [0.5f32.sqrt(), 0.5f32.sqrt(), 0.9f32.sqrt(), 0.1f32.sqrt(), 0.0, 0.0];
        assert!(found.data().iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-6), "{found:?}");
    }
}
