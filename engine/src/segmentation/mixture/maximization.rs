//! The maximization step of EM: the parameters of a component from its rows. It takes n·d² multiply-adds in `f64` for a
//! full covariance, a small part of the expectation step, which compares every component with every row.

use super::gaussian_mixture::BLOCK_ROWS;
use crate::error::Result;
use crate::linalg::cholesky::inverse_factor;
use crate::matrix::Matrix;
use crate::observer::Observer;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// The rows of a component and the responsibility of the component for each, in the order of rows.
pub(super) type Members = Vec<(u32, f32)>;

/// The parameters of a component.
pub(super) struct Estimate {
    pub(super) mean: Vec<f32>,
    pub(super) whitening: Vec<f32>,
    pub(super) log_determinant: f64,
}

impl Estimate {
    /// Estimates the parameters from members whose responsibilities sum to `total`. `least` is added to the variance of
    /// each column.
    pub(super) fn new(
        points: &Matrix,
        members: &Members,
        total: f64,
        least: &[f64],
        full: bool,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let (mean, mut spread) = mean_and_variance(points, members, total, observer)?;
        if full {
            spread = covariance(points, members, total, &mean, observer)?;
        }
        spread.iter_mut().zip(diagonal(least, full)).for_each(|(spread, least)| *spread += least);
        Ok(Self::of_covariance(mean, &spread, least, full))
    }

    /// Computes the parameters from a mean and a covariance, or the diagonal of one.
    pub(super) fn of_covariance(mean: Vec<f32>, spread: &[f64], least: &[f64], full: bool) -> Self {
        let n = mean.len();
        let (whitening, step) = if full {
            (inverse_factor(spread, n, least), n + 1)
        } else {
            (spread.iter().map(|variance| variance.sqrt().recip()).collect(), 1)
        };
        let log_determinant = whitening.iter().step_by(step).map(|w| w.ln()).sum();
        Self { mean, whitening: whitening.into_iter().map(|w| w as f32).collect(), log_determinant }
    }
}

/// Returns the values of a diagonal, or the full matrix with that diagonal.
pub(super) fn diagonal(values: &[f64], full: bool) -> Vec<f64> {
    if !full {
        return values.to_vec();
    }
    let n = values.len();
    (0..n * n).map(|at| if at / n == at % n { values[at % n] } else { 0.0 }).collect()
}

/// Returns the weighted mean and variance of each column; `total` is the sum of the weights.
pub(super) fn mean_and_variance(
    points: &Matrix,
    members: &Members,
    total: f64,
    observer: &dyn Observer,
) -> Result<(Vec<f32>, Vec<f64>)> {
    let mut sums = vec![0.0f64; points.columns()];
    for block in members.chunks(BLOCK_ROWS) {
        observer.check()?;
        for &(row, share) in block {
            let row = points.row(row as usize);
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(share) * f64::from(x));
        }
    }
    let mean: Vec<f32> = sums.iter().map(|sum| (sum / total) as f32).collect();
    let mut variance = vec![0.0f64; points.columns()];
    for block in members.chunks(BLOCK_ROWS) {
        observer.check()?;
        for &(row, share) in block {
            for ((sum, &x), &m) in variance.iter_mut().zip(points.row(row as usize)).zip(&mean) {
                *sum += f64::from(share) * (f64::from(x) - f64::from(m)).powi(2);
            }
        }
    }
    variance.iter_mut().for_each(|sum| *sum /= total);
    Ok((mean, variance))
}

/// Returns the weighted covariance around `mean`, with both triangles.
fn covariance(
    points: &Matrix,
    members: &Members,
    total: f64,
    mean: &[f32],
    observer: &dyn Observer,
) -> Result<Vec<f64>> {
    let n = mean.len();
    let mut covariance = vec![0.0; n * n];
    let mut centered = vec![0.0f64; BLOCK_ROWS * n];
    for block in members.chunks(BLOCK_ROWS) {
        observer.check()?;
        for (&(row, share), centered) in block.iter().zip(centered.chunks_exact_mut(n)) {
            let root = f64::from(share).sqrt();
            for ((centered, &x), &m) in centered.iter_mut().zip(points.row(row as usize)).zip(mean) {
                *centered = root * (f64::from(x) - f64::from(m));
            }
        }
        let centered = MatRef::from_row_major_slice(&centered[..block.len() * n], block.len(), n);
        let target = MatMut::from_row_major_slice_mut(&mut covariance, n, n);
        matmul(target, Accum::Add, centered.transpose(), centered, 1.0 / total, Par::Seq);
    }
    Ok(covariance)
}
