//! Fits a mixture by expectation-maximization (Dempster, Laird & Rubin 1977), starting from the clusters of k-means.
//!
//! A component has a full covariance if there are enough rows to estimate it, otherwise a diagonal one
//! (`LEAST_ROWS_PER_COLUMN`, `MOST_FULL_COLUMNS`). An expectation step costs 2·n·c·d² flops with full covariances, as
//! products of blocks of rows with the inverse Cholesky factor of each component, and 3·n·c·d with diagonal ones.
//! Memory is 20 bytes for each pair of a row and a component with a responsibility above `LEAST_RESPONSIBILITY`, of
//! which a row has one or two. Sums are taken in the order of rows, so the result does not depend on the number of
//! threads.

use super::gaussian_mixture::{BLOCK_ROWS, Mixture};
use super::maximization::{Estimate, Members, diagonal, mean_and_variance};
use crate::error::{EngineError, Result};
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use rayon::prelude::*;

/// The name of the phase in progress reports.
pub const PHASE: &str = "mixture";
/// The largest number of iterations, as in scikit-learn.
const ITERATIONS: usize = 100;
/// Iteration stops if the mean log-likelihood of a row increases by less than this, as in scikit-learn.
const TOLERANCE: f64 = 1e-3;
/// The mean number of rows of a component, per column, from which its covariance is full. The eigenvalues of a
/// covariance of m rows spread by the factor (1 ± √(d/m))² (Marchenko & Pastur 1967): 0.5 to 1.7 at ten rows per
/// column. Measured on held-out rows (Gowalla's user factors, 8, 16 and 32 columns, 8 components), full covariances are
/// better from ten rows per column on, worse at two, and at five it depends on the number of columns.
const LEAST_ROWS_PER_COLUMN: usize = 10;
/// The largest number of columns of a full covariance, with which an expectation costs d times as much as with a
/// diagonal one.
const MOST_FULL_COLUMNS: usize = 32;
/// Added to the variance of each column, as a share of its variance over all rows: scikit-learn's 1e-6, which is not
/// scaled to the data there. No component is narrower than a thousandth of the data.
const REGULARIZATION: f64 = 1e-6;
/// Half of the last bit of an `f32` next to 1: smaller responsibilities would not change a sum.
const LEAST_RESPONSIBILITY: f64 = 1.0 / (1u32 << 24) as f64;
/// The smallest sum of responsibilities from which a component is updated; below it, the component keeps its
/// parameters.
const LEAST_ROWS: f64 = 1.0;

/// The log-likelihood of a block of rows, and (component, row, responsibility) for each responsibility that counts.
type BlockShares = (f64, Vec<(u32, u32, f32)>);

impl Mixture {
    /// Fits `count` components to the rows of `points`. `start` is the initial cluster of each row, below `count`. A
    /// component without rows has weight 0.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if `start` does not have one cluster below `count` for each row,
    /// [`EngineError::NothingToTrainOn`] if there are no rows, [`EngineError::NotFinite`], [`EngineError::Cancelled`].
    pub fn fit(points: &Matrix, start: &[u32], count: usize, observer: &dyn Observer) -> Result<Self> {
        let (rows, columns) = (points.rows(), points.columns());
        if rows == 0 {
            return Err(EngineError::NothingToTrainOn { reason: "a mixture needs a row".into() });
        }
        if start.len() != rows {
            return Err(EngineError::Shape { what: "clusters to start", expected: rows, found: start.len() });
        }
        let mut members = vec![Members::new(); count];
        for (row, &cluster) in start.iter().enumerate() {
            let found = cluster as usize + 1;
            let wrong = EngineError::Shape { what: "number of clusters", expected: count, found };
            members.get_mut(cluster as usize).ok_or(wrong)?.push((row as u32, 1.0));
        }
        let everybody: Members = (0..rows as u32).map(|row| (row, 1.0)).collect();
        let (mean, variance) = mean_and_variance(points, &everybody, rows as f64, observer)?;
        if mean.iter().any(|x| !x.is_finite()) {
            return Err(EngineError::NotFinite { what: "the rows of a mixture" });
        }
        // A column without variance carries no information, so any width will do.
        let varies = |&variance: &f64| if variance > f64::from(f32::MIN_POSITIVE) { variance } else { 1.0 };
        let variance: Vec<f64> = variance.iter().map(varies).collect();
        let least: Vec<f64> = variance.iter().map(|variance| variance * REGULARIZATION).collect();
        let full = columns <= MOST_FULL_COLUMNS && rows >= count * columns * LEAST_ROWS_PER_COLUMN;

        let widest = Estimate::of_covariance(mean, &diagonal(&variance, full), &variance, full);
        let mut mixture = Self {
            weights: vec![0.0; count],
            means: Matrix::from_data(columns, widest.mean.repeat(count))?,
            whitening: widest.whitening.repeat(count),
            log_determinants: vec![widest.log_determinant; count],
            log_likelihood: f64::NEG_INFINITY,
            iterations: 0,
        };
        while mixture.iterations < ITERATIONS {
            mixture.maximize(points, &members, &least, full, observer)?;
            let (log_likelihood, next) = mixture.expect(points, observer)?;
            let gain = log_likelihood - mixture.log_likelihood;
            members = next;
            mixture.log_likelihood = log_likelihood;
            mixture.iterations += 1;
            observer.report(Progress {
                loss: Some(-log_likelihood),
                ..Progress::step(PHASE, mixture.iterations, ITERATIONS)
            });
            if gain.abs() < TOLERANCE {
                break;
            }
        }
        Ok(mixture)
    }

    /// Returns the mean log-likelihood and the members of each component.
    fn expect(&self, points: &Matrix, observer: &dyn Observer) -> Result<(f64, Vec<Members>)> {
        let count = self.weights.len();
        let blocks: Vec<BlockShares> = points
            .data()
            .par_chunks(BLOCK_ROWS * points.columns())
            .enumerate()
            .map(|(block, rows)| {
                observer.check()?;
                let mut found = Vec::with_capacity(2 * BLOCK_ROWS);
                let total = self.responsibilities(rows, |place, responsibility| {
                    if responsibility > LEAST_RESPONSIBILITY {
                        let row = block * BLOCK_ROWS + place / count;
                        found.push(((place % count) as u32, row as u32, responsibility as f32));
                    }
                });
                Ok((total, found))
            })
            .collect::<Result<_>>()?;
        let mut members = vec![Members::new(); count];
        let mut total = 0.0;
        for (log_likelihood, found) in blocks {
            total += log_likelihood;
            for (component, row, responsibility) in found {
                members[component as usize].push((row, responsibility));
            }
        }
        Ok((total / points.rows() as f64, members))
    }

    /// Updates the parameters to those that fit the members best.
    fn maximize(
        &mut self,
        points: &Matrix,
        members: &[Members],
        least: &[f64],
        full: bool,
        observer: &dyn Observer,
    ) -> Result<()> {
        let totals: Vec<f64> =
            members.iter().map(|members| members.iter().map(|&(_, share)| f64::from(share)).sum()).collect();
        let estimates: Vec<Option<Estimate>> = members
            .par_iter()
            .zip(&totals)
            .map(|(members, &total)| {
                observer.check()?;
                let enough = total >= LEAST_ROWS;
                enough.then(|| Estimate::new(points, members, total, least, full, observer)).transpose()
            })
            .collect::<Result<_>>()?;
        let everything: f64 = totals.iter().sum();
        let size = self.whitening.len() / totals.len().max(1);
        for (component, estimate) in estimates.into_iter().enumerate() {
            self.weights[component] = totals[component] / everything;
            if let Some(estimate) = estimate {
                self.means.row_mut(component).copy_from_slice(&estimate.mean);
                self.whitening[component * size..][..size].copy_from_slice(&estimate.whitening);
                self.log_determinants[component] = estimate.log_determinant;
            }
        }
        Ok(())
    }
}
