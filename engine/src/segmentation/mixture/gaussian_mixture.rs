//! A Gaussian mixture: segments that may be elongated or flat, and the probability of each segment for a user.
//!
//! The mixture is fitted by [`super::expectation_maximization`].

use crate::error::{EngineError, Result};
use crate::linalg::product::scores;
use crate::linalg::vector::dot_simd;
use crate::matrix::Matrix;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The number of rows of a task: with 32 columns a block and its two transforms take 96 kB.
pub(super) const BLOCK_ROWS: usize = 256;
/// A mixture of Gaussian components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Mixture {
    /// The weight of each component; weights sum to 1.
    pub(super) weights: Vec<f64>,
    /// components × d: the mean of each component.
    pub(super) means: Matrix,
    /// The matrix W of each component, for which ‖W (x − mean)‖² is the squared Mahalanobis distance: the d × d inverse
    /// of the covariance's Cholesky factor, or its diagonal.
    pub(super) whitening: Vec<f32>,
    /// ln det W of each component.
    pub(super) log_determinants: Vec<f64>,
    /// The mean log-likelihood of a row of the training data.
    pub log_likelihood: f64,
    /// The number of iterations of the fit.
    pub iterations: usize,
}

/// Σ x² of each row.
struct Squares<'a> {
    rows: &'a [f32],
    columns: usize,
    sums: &'a mut [f32],
}

impl WithSimd for Squares<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (row, sum) in self.rows.chunks_exact(self.columns).zip(self.sums) {
            *sum = dot_simd(simd, row, row);
        }
    }
}

impl Mixture {
    /// Returns the responsibility of each component for each row, n × components. Rows sum to 1, but are zero if the
    /// number of columns differs from training.
    pub fn probabilities(&self, points: &Matrix) -> Matrix {
        let (columns, count) = (points.columns(), self.weights.len());
        let mut probabilities = Matrix::zeros(points.rows(), count);
        if columns != self.means.columns() {
            return probabilities;
        }
        points
            .data()
            .par_chunks(BLOCK_ROWS * columns.max(1))
            .zip(probabilities.data_mut().par_chunks_mut(BLOCK_ROWS * count.max(1)))
            .for_each(|(rows, target)| {
                self.responsibilities(rows, |place, responsibility| target[place] = responsibility as f32);
            });
        probabilities
    }

    /// Returns the responsibility of each component for one row, on the calling thread; zeros if the row's length
    /// differs from training.
    pub fn probabilities_of(&self, row: &[f32]) -> Vec<f32> {
        let mut probabilities = vec![0.0; self.weights.len()];
        if row.len() != self.means.columns() {
            return probabilities;
        }
        self.responsibilities(row, |place, responsibility| probabilities[place] = responsibility as f32);
        probabilities
    }

    /// components × d: the mean of each component.
    pub fn means(&self) -> &Matrix {
        &self.means
    }

    /// The weight of each component; weights sum to 1. A component that has lost its rows has weight 0.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Returns ln(weight · density) of each component at each row of a block, rows × components.
    fn log_densities(&self, rows: &[f32]) -> Vec<f64> {
        let (columns, count) = (self.means.columns(), self.weights.len());
        let mut densities = vec![0.0; rows.len() / columns.max(1) * count];
        let (mut centered, mut white) = (vec![0.0; rows.len()], vec![0.0; rows.len()]);
        let mut squares = vec![0.0; rows.len() / columns.max(1)];
        let size = self.whitening.len() / count.max(1);
        for (component, whitening) in self.whitening.chunks_exact(size.max(1)).enumerate() {
            let mean = self.means.row(component);
            for (centered, row) in centered.chunks_exact_mut(columns).zip(rows.chunks_exact(columns)) {
                centered.iter_mut().zip(row).zip(mean).for_each(|((c, x), m)| *c = x - m);
            }
            if size > columns {
                scores(&centered, whitening, columns, &mut white);
            } else {
                for (white, centered) in white.chunks_exact_mut(columns).zip(centered.chunks_exact(columns)) {
                    white.iter_mut().zip(centered).zip(whitening).for_each(|((w, c), s)| *w = c * s);
                }
            }
            pulp::Arch::new().dispatch(Squares { rows: &white, columns, sums: &mut squares });
            let constant = self.weights[component].ln() + self.log_determinants[component]
                - 0.5 * columns as f64 * std::f64::consts::TAU.ln();
            for (densities, square) in densities.chunks_exact_mut(count).zip(&squares) {
                // A row whose distance overflows an `f32` is equally far from all components.
                let square = if square.is_finite() { *square } else { f32::MAX };
                densities[component] = constant - 0.5 * f64::from(square);
            }
        }
        densities
    }

    /// Calls `take(row · components + component, responsibility)` for a block of rows, and returns the sum of their
    /// log-likelihoods.
    pub(super) fn responsibilities(&self, rows: &[f32], mut take: impl FnMut(usize, f64)) -> f64 {
        let mut total = 0.0;
        let count = self.weights.len();
        for (row, densities) in self.log_densities(rows).chunks_exact_mut(count.max(1)).enumerate() {
            let most = densities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            densities.iter_mut().for_each(|density| *density = (*density - most).exp());
            let sum: f64 = densities.iter().sum();
            total += most + sum.ln();
            for (component, density) in densities.iter().enumerate() {
                take(row * count + component, density / sum);
            }
        }
        total
    }
}

/// A mixture as it is read, before its shape is checked.
#[derive(Deserialize)]
struct Unchecked {
    weights: Vec<f64>,
    means: Matrix,
    whitening: Vec<f32>,
    log_determinants: Vec<f64>,
    log_likelihood: f64,
    iterations: usize,
}

impl TryFrom<Unchecked> for Mixture {
    type Error = EngineError;

    fn try_from(read: Unchecked) -> Result<Self> {
        let Unchecked { weights, means, whitening, log_determinants, log_likelihood, iterations } = read;
        let (count, values) = (weights.len(), means.data().len());
        let check = |what, expected, found| {
            if expected == found { Ok(()) } else { Err(EngineError::Shape { what, expected, found }) }
        };
        check("means of a mixture", count, means.rows())?;
        check("determinants of a mixture", count, log_determinants.len())?;
        check("covariances of a mixture", values, whitening.len())
            .or_else(|_| check("covariances of a mixture", values * means.columns(), whitening.len()))?;
        Ok(Self { weights, means, whitening, log_determinants, log_likelihood, iterations })
    }
}
