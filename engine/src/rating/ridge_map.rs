//! The prior mean of rows as a linear map from what is known about them besides the ratings' values:
//! `prior = mean + F B` with `B = (FᵀF + λI)⁻¹ Fᵀ (W − mean)`, a ridge regression of the rows W that were
//! solved.
//!
//! A row of F is the pattern of what was rated, 1/n^.3 at each of the n entries, less its mean over the
//! rows, beside the attributes. Of every attribute column, levels less their shares: null is 0, the
//! centre. Only rows with ratings are learned from.
//!
//! F is never written down: the entries of the ratings serve as they are, in both orientations, and
//! centring is a correction of each product. B is found by conjugate gradients (Hestenes & Stiefel 1952)
//! with the diagonal as preconditioner, all columns together, each with its own λ, beginning where the
//! last sweep ended. A step costs 4·n·c multiply-adds for n entries and c columns, and reads as many values.

use super::attributes::Attributes;
use crate::error::Result;
use crate::interactions::SparseRows;
use crate::linalg::vector::add_scaled_simd;
use crate::matrix::Matrix;
use crate::observer::Observer;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// A pattern counts 1/n^.3 at each of n entries: between a sum and a mean (SVD++ takes n^.5).
const PATTERN_EXPONENT: f32 = 0.3;
/// Rows of a task.
const BLOCK_ROWS: usize = 64;
/// Rows whose terms are added before the sums are added in order.
const SUM_ROWS: usize = 1024;
/// Steps of conjugate gradients in one solve. They go on where those of the sweep before ended: on MovieLens
/// 100k two, four and a hundred give the same error to the fourth digit.
const STEPS: usize = 4;
/// Attributes enter F with this weight, which makes their ridge 4 times that of the pattern. On a part of
/// MovieLens 100k (u1.base) weights of .4 to .7 were best, 1 cost .0015 of the error.
const ATTRIBUTE_WEIGHT: f32 = 0.5;

/// F, ready to be multiplied with.
pub(super) struct RidgeMap<'a> {
    /// rows × others: who rated what.
    pattern: &'a SparseRows,
    /// The same by others.
    transposed: &'a SparseRows,
    attributes: Option<KnownAttributes<'a>>,
    /// 1/n^.3 of every row, 0 without entries.
    scale: Vec<f32>,
    /// The mean of every pattern column over rows with entries.
    means: Vec<f32>,
    /// The number of rows with entries.
    rated: usize,
    /// The diagonal of FᵀF.
    diagonal: Vec<f32>,
}

struct KnownAttributes<'a> {
    attributes: &'a Attributes,
    transposed: SparseRows,
    /// The share of each feature among the rated rows in which its column is known.
    shares: Vec<f32>,
}

impl KnownAttributes<'_> {
    /// `C x` of every column's levels: each less the mean by shares.
    fn centre(&self, weights: &mut [f32], width: usize) {
        self.of_columns(weights, width, |shares, level| (shares[level], 1.0));
    }

    /// `Cᵀ x`: each less its share of the sum.
    fn centre_transposed(&self, weights: &mut [f32], width: usize) {
        self.of_columns(weights, width, |shares, level| (1.0, shares[level]));
    }

    /// Within every column: x_l ← x_l − b_l Σ a x.
    fn of_columns(&self, weights: &mut [f32], width: usize, factors: impl Fn(&[f32], usize) -> (f32, f32)) {
        weights.iter_mut().for_each(|x| *x *= ATTRIBUTE_WEIGHT);
        for column in self.attributes.columns.iter().cloned() {
            let shares = &self.shares[column.clone()];
            let weights = &mut weights[column.start * width..column.end * width];
            for place in 0..width {
                let terms = (0..shares.len())
                    .map(|level| f64::from(factors(shares, level).0 * weights[level * width + place]));
                let sum = terms.sum::<f64>() as f32;
                for level in 0..shares.len() {
                    weights[level * width + place] -= factors(shares, level).1 * sum;
                }
            }
        }
    }
}

impl<'a> RidgeMap<'a> {
    /// The map of rows that rated what `pattern` (rows × others) says, `transposed` being the same by
    /// others.
    pub fn new(
        pattern: &'a SparseRows,
        transposed: &'a SparseRows,
        attributes: Option<&'a Attributes>,
    ) -> Self {
        let rated: Vec<bool> = (0..pattern.rows()).map(|row| pattern.row_len(row) > 0).collect();
        let count = rated.iter().filter(|rated| **rated).count();
        let scale: Vec<f32> = (0..pattern.rows()).map(|row| pattern_scale(pattern.row_len(row))).collect();
        let (mut means, mut diagonal) = (Vec::new(), Vec::new());
        for other in 0..transposed.rows() {
            let values = transposed.row(other).0.iter().map(|&row| f64::from(scale[row as usize]));
            let (sum, squares) = values.fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
            let mean = sum / count.max(1) as f64;
            means.push(mean as f32);
            diagonal.push((squares - sum * mean).max(0.0) as f32);
        }
        let attributes = attributes.map(|attributes| {
            let transposed = attributes.features.transposed();
            let counts: Vec<usize> = (0..transposed.rows())
                .map(|feature| transposed.row(feature).0.iter().filter(|&&row| rated[row as usize]).count())
                .collect();
            let mut shares = Vec::with_capacity(counts.len());
            for column in attributes.columns.iter().cloned() {
                let counts = &counts[column];
                let known = counts.iter().sum::<usize>().max(1) as f32;
                shares.extend(counts.iter().map(|&count| count as f32 / known));
            }
            let variances = counts
                .iter()
                .zip(&shares)
                .map(|(&count, share)| ATTRIBUTE_WEIGHT.powi(2) * count as f32 * (1.0 - share));
            diagonal.extend(variances);
            KnownAttributes { attributes, transposed, shares }
        });
        Self { pattern, transposed, attributes, scale, means, rated: count, diagonal }
    }

    /// Number of columns of F: the others, then the attributes' features.
    pub fn features(&self) -> usize {
        self.diagonal.len()
    }

    /// Number of pattern columns.
    pub fn others(&self) -> usize {
        self.means.len()
    }

    /// What each attribute feature adds to a prior: features × c.
    pub fn attribute_effects(&self, weights: &Matrix) -> Matrix {
        let mut effects = lower_rows(weights, self.others());
        if let Some(known) = &self.attributes {
            known.centre(effects.data_mut(), weights.columns());
        }
        effects
    }

    /// What a pattern without entries adds to a prior.
    pub fn empty_pattern(&self, weights: &Matrix) -> Vec<f32> {
        let others = self.others();
        let term = |row: usize, value: f32| {
            if row < others { -f64::from(self.means[row]) * f64::from(value) } else { 0.0 }
        };
        column_sums(weights, |row, _, value| term(row, value)).into_iter().map(|sum| sum as f32).collect()
    }

    /// `F B`: rows × c. Of rows without entries the pattern is not known: it is 0, the centre.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn apply(&self, weights: &Matrix, observer: &dyn Observer) -> Result<Matrix> {
        let shift = self.empty_pattern(weights);
        let mut result = Matrix::zeros(self.pattern.rows(), weights.columns());
        gather(self.pattern, weights, &mut result, observer, |row, sum| {
            let scale = self.scale[row];
            if scale > 0.0 {
                sum.iter_mut().zip(&shift).for_each(|(x, shift)| *x = *x * scale + shift);
            }
        })?;
        if let Some(known) = &self.attributes {
            gather(
                &known.attributes.features,
                &self.attribute_effects(weights),
                &mut result,
                observer,
                |_, _| (),
            )?;
        }
        Ok(result)
    }

    /// `Fᵀ T` of the rows with entries: features × c. Rows of `targets` without entries are 0.
    fn apply_transposed(&self, targets: &Matrix, observer: &dyn Observer) -> Result<Matrix> {
        let width = targets.columns();
        let total = column_sums(targets, |_, _, value| f64::from(value));
        let mut scaled = targets.clone();
        for (row, scale) in self.scale.iter().enumerate() {
            scaled.row_mut(row).iter_mut().for_each(|x| *x *= scale);
        }
        let mut result = Matrix::zeros(self.others(), width);
        gather(self.transposed, &scaled, &mut result, observer, |other, sum| {
            let mean = f64::from(self.means[other]);
            sum.iter_mut().zip(&total).for_each(|(x, total)| *x = (f64::from(*x) - mean * total) as f32);
        })?;
        let Some(known) = &self.attributes else { return Ok(result) };
        let mut effects = Matrix::zeros(known.shares.len(), width);
        gather(&known.transposed, targets, &mut effects, observer, |_, _| ())?;
        known.centre_transposed(effects.data_mut(), width);
        Matrix::from_data(width, [result.data(), effects.data()].concat())
    }

    /// Sets the rows of a rows × c matrix to 0 that have no entries.
    fn forget_unrated(&self, matrix: &mut Matrix) {
        for row in (0..self.scale.len()).filter(|&row| self.scale[row] == 0.0) {
            matrix.row_mut(row).fill(0.0);
        }
    }

    /// Means of `rows` (rows × c) over those with entries.
    pub fn mean(&self, rows: &Matrix) -> Vec<f64> {
        let term = |row: usize, value: f32| if self.scale[row] > 0.0 { f64::from(value) } else { 0.0 };
        let sums = column_sums(rows, |row, _, value| term(row, value));
        sums.into_iter().map(|sum| sum / self.rated.max(1) as f64).collect()
    }

    /// Moves `weights` (features × c) to the B of `rows` (rows × c) with the ridge of every column.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn solve(
        &self,
        rows: &Matrix,
        mean: &[f64],
        ridges: &[f32],
        weights: &mut Matrix,
        observer: &dyn Observer,
    ) -> Result<()> {
        let mut targets = rows.clone();
        for row in 0..targets.rows() {
            targets.row_mut(row).iter_mut().zip(mean).for_each(|(x, mean)| *x -= *mean as f32);
        }
        self.forget_unrated(&mut targets);

        // The residual Fᵀ(T − F B) − λB.
        let fitted = self.apply(weights, observer)?;
        targets.data_mut().iter_mut().zip(fitted.data()).for_each(|(x, fitted)| *x -= fitted);
        self.forget_unrated(&mut targets);
        let mut residual = self.apply_transposed(&targets, observer)?;
        update(&mut residual, weights, |column, x, weight| x - ridges[column] * weight);
        let preconditioned = |residual: &Matrix| {
            let mut result = residual.clone();
            for (row, diagonal) in self.diagonal.iter().enumerate() {
                let row = result.row_mut(row).iter_mut().zip(ridges);
                row.for_each(|(x, ridge)| *x /= diagonal + ridge);
            }
            result
        };
        let mut direction = preconditioned(&residual);
        let mut slope = products(&residual, &direction);
        for _ in 0..STEPS {
            let mut forward = self.apply(&direction, observer)?;
            self.forget_unrated(&mut forward);
            let mut image = self.apply_transposed(&forward, observer)?;
            update(&mut image, &direction, |column, x, direction| x + ridges[column] * direction);
            let lengths = ratios(&slope, &products(&direction, &image));
            update(weights, &direction, |column, x, direction| x + lengths[column] * direction);
            update(&mut residual, &image, |column, x, image| x - lengths[column] * image);
            let next = preconditioned(&residual);
            let next_slope = products(&residual, &next);
            let turns = ratios(&next_slope, &slope);
            update(&mut direction, &next, |column, x, next| next + turns[column] * x);
            slope = next_slope;
        }
        Ok(())
    }
}

/// 1/n^.3, and 0 without entries.
pub(super) fn pattern_scale(entries: usize) -> f32 {
    if entries == 0 { 0.0 } else { (entries as f32).powf(-PATTERN_EXPONENT) }
}

/// The rows from `first` on.
pub(super) fn lower_rows(matrix: &Matrix, first: usize) -> Matrix {
    matrix.select(&(first as u32..matrix.rows() as u32).collect::<Vec<_>>())
}

/// a/b of every column; 0 where b is, so that a solved column stays.
fn ratios(a: &[f64], b: &[f64]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| if *b > 0.0 { (a / b) as f32 } else { 0.0 }).collect()
}

/// `Σ_row a∘b`.
fn products(a: &Matrix, b: &Matrix) -> Vec<f64> {
    column_sums(a, |row, column, value| f64::from(value) * f64::from(b.row(row)[column]))
}

/// The sum of a term of every row, for each column; blocks of rows are added in order.
fn column_sums(matrix: &Matrix, term: impl Fn(usize, usize, f32) -> f64 + Sync) -> Vec<f64> {
    let width = matrix.columns();
    let blocks: Vec<Vec<f64>> = (0..matrix.rows().div_ceil(SUM_ROWS))
        .into_par_iter()
        .map(|block| {
            let mut sums = vec![0.0; width];
            for row in block * SUM_ROWS..((block + 1) * SUM_ROWS).min(matrix.rows()) {
                let values = matrix.row(row).iter().enumerate();
                sums.iter_mut()
                    .zip(values)
                    .for_each(|(sum, (column, &value))| *sum += term(row, column, value));
            }
            sums
        })
        .collect();
    let mut total = vec![0.0; width];
    for block in blocks {
        total.iter_mut().zip(block).for_each(|(total, sum)| *total += sum);
    }
    total
}

/// `a ← change(column, a, b)` of every value.
fn update(a: &mut Matrix, b: &Matrix, change: impl Fn(usize, f32, f32) -> f32 + Sync) {
    let width = a.columns().max(1);
    let blocks = a.data_mut().par_chunks_mut(SUM_ROWS * width).zip(b.data().par_chunks(SUM_ROWS * width));
    blocks.for_each(|(a, b)| {
        for (a, b) in a.chunks_mut(width).zip(b.chunks(width)) {
            for (column, (a, &b)) in a.iter_mut().zip(b).enumerate() {
                *a = change(column, *a, b);
            }
        }
    });
}

/// Adds to every row of `result` the rows of `source` that the row of `rows` names, then finishes it.
fn gather(
    rows: &SparseRows,
    source: &Matrix,
    result: &mut Matrix,
    observer: &dyn Observer,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) -> Result<()> {
    let width = source.columns();
    let arch = pulp::Arch::new();
    result.data_mut().par_chunks_mut(BLOCK_ROWS * width.max(1)).enumerate().try_for_each(|(block, target)| {
        observer.check()?;
        let first = block * BLOCK_ROWS;
        arch.dispatch(Gather { rows, source, first, target });
        target.chunks_exact_mut(width).enumerate().for_each(|(row, target)| finish(first + row, target));
        Ok(())
    })
}

struct Gather<'a> {
    rows: &'a SparseRows,
    source: &'a Matrix,
    first: usize,
    target: &'a mut [f32],
}

impl WithSimd for Gather<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.target.chunks_exact_mut(self.source.columns());
        for (row, target) in rows.enumerate() {
            for &entry in self.rows.row(self.first + row).0 {
                add_scaled_simd(simd, target, 1.0, self.source.row(entry as usize));
            }
        }
    }
}
