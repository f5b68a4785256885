//! The prior mean of rows as a linear map of everything known about them except the values of their ratings:
//! `prior = mean + F B` with `B = (FᵀF + λI)⁻¹ Fᵀ (W − mean)`, a ridge regression of the solved rows W.
//!
//! A row of F holds the pattern of what was rated, 1/n^.3 at each of the n entries, less the same amount spread by
//! popularity; and the attributes, for each column its level less the shares of all levels. Rows without ratings, and
//! columns that are null, are therefore at the centre. The map is learned only from rows with ratings.
//!
//! F is never materialized. Products use the sparse ratings in both orientations, and centring is a correction of B
//! before or of the product after. B is solved by conjugate gradients (Hestenes & Stiefel 1952) with a diagonal
//! preconditioner, for all columns together but each with its own λ, starting from the solution of the previous
//! sweep. A step takes 4·n·c multiply-adds for n entries and c columns, and reads as many values.

use super::attributes::Attributes;
use super::columns::{column_sums, products, ratios, update};
use crate::error::Result;
use crate::interactions::SparseRows;
use crate::linalg::vector::add_scaled_simd;
use crate::matrix::Matrix;
use crate::observer::Observer;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// A pattern has 1/n^.3 at each of n entries, between a sum and a mean (SVD++ uses n^.5). On a part of MovieLens 100k
/// (u1.base), .27 and .33 were worse.
const PATTERN_EXPONENT: f32 = 0.3;
/// The weight of attributes in F, which makes their ridge 4 times that of the pattern. On the same part, .4 to .7 were
/// best, and 1 raised the error by .0015.
const ATTRIBUTE_WEIGHT: f32 = 0.5;
/// Steps of conjugate gradients per solve, each starting where the previous sweep ended. Two, four and a hundred gave
/// the same error to the fourth digit.
const STEPS: usize = 4;
/// Rows per task.
const BLOCK_ROWS: usize = 64;

/// The matrix F, prepared for products.
pub(super) struct RidgeMap<'a> {
    /// Which entries each row rated, rows × others.
    pattern: &'a SparseRows,
    /// The transpose of `pattern`.
    transposed: &'a SparseRows,
    /// The attributes, rows × features, and their transpose.
    attributes: Option<(&'a SparseRows, SparseRows)>,
    /// [`pattern_scale`] of every row.
    scale: Vec<f32>,
    /// Ranges of columns of F that are centred together: the pattern, then each attribute.
    blocks: Vec<Range<usize>>,
    /// The share of each column of F in the total of its block.
    shares: Vec<f32>,
    /// The diagonal of FᵀF.
    diagonal: Vec<f32>,
}

impl<'a> RidgeMap<'a> {
    /// Prepares the map of rows with the given `pattern` (rows × others); `transposed` is its transpose.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn new(
        pattern: &'a SparseRows,
        transposed: &'a SparseRows,
        attributes: Option<&'a Attributes>,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let scales: Vec<f32> = (0..pattern.rows()).map(|row| pattern_scale(pattern.row_len(row))).collect();
        let scale = |row: usize| f64::from(scales[row]);
        let held = |row: usize| pattern.row_len(row) as f64 * scale(row);
        let total: f64 = (0..pattern.rows()).map(held).sum();
        let squares: f64 = (0..pattern.rows()).map(|row| held(row) * held(row)).sum();
        let of_other = |other: usize| {
            if other.is_multiple_of(BLOCK_ROWS) {
                observer.check()?;
            }
            let rows = transposed.row(other).0.iter().map(|&row| row as usize);
            let share = rows.clone().map(scale).sum::<f64>() / total.max(f64::MIN_POSITIVE);
            // Σ (s − share · held)², where s is the scale at an entry and 0 elsewhere.
            let inner: f64 = rows.map(|row| scale(row) * (scale(row) - 2.0 * share * held(row))).sum();
            Ok((share as f32, (inner + share * share * squares).max(0.0) as f32))
        };
        let of_others = (0..transposed.rows()).into_par_iter().map(of_other).collect::<Result<Vec<_>>>()?;
        let (mut shares, mut diagonal): (Vec<f32>, Vec<f32>) = of_others.into_iter().unzip();
        let others = transposed.rows();
        let of_attributes = attributes.iter().flat_map(|attributes| &attributes.columns);
        let of_attributes = of_attributes.map(|column| others + column.start..others + column.end);
        let blocks = std::iter::once(0..others).chain(of_attributes).collect();
        let attributes = attributes.map(|attributes| {
            let transposed = attributes.features.transposed();
            let rated = |feature: usize| {
                transposed.row(feature).0.iter().filter(|&&row| pattern.row_len(row as usize) > 0).count()
            };
            for column in &attributes.columns {
                let counts: Vec<f32> = column.clone().map(|feature| rated(feature) as f32).collect();
                let known = counts.iter().sum::<f32>().max(1.0);
                shares.extend(counts.iter().map(|count| count / known));
                let variance = |count: &f32| ATTRIBUTE_WEIGHT.powi(2) * count * (1.0 - count / known);
                diagonal.extend(counts.iter().map(variance));
            }
            (&attributes.features, transposed)
        });
        Ok(Self { pattern, transposed, attributes, scale: scales, blocks, shares, diagonal })
    }

    /// The number of columns of F: the others, then the features of attributes.
    pub fn features(&self) -> usize {
        self.shares.len()
    }

    /// What each entry of a row's pattern (times [`pattern_scale`]) and each of its attributes adds to its prior, from
    /// B; features × c.
    pub fn effects(&self, weights: &Matrix) -> Matrix {
        let mut effects = weights.clone();
        self.centre(&mut effects, |share| (share, 1.0));
        effects
    }

    /// Within each block: x ← x − b Σ a x.
    fn centre(&self, x: &mut Matrix, factors: impl Fn(f32) -> (f32, f32) + Sync) {
        let width = x.columns();
        for (number, block) in self.blocks.iter().enumerate() {
            let sum = column_sums(x, block.clone(), |row, _, value| {
                f64::from(factors(self.shares[row]).0) * f64::from(value)
            });
            let weight = if number == 0 { 1.0 } else { ATTRIBUTE_WEIGHT };
            let values = &mut x.data_mut()[block.start * width..block.end * width];
            values.par_chunks_mut(width).zip(&self.shares[block.clone()]).for_each(|(x, &share)| {
                let factor = f64::from(factors(share).1);
                x.iter_mut()
                    .zip(&sum)
                    .for_each(|(x, sum)| *x = weight * (f64::from(*x) - factor * sum) as f32);
            });
        }
    }

    /// `F B`: rows × c.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn apply(&self, weights: &Matrix, observer: &dyn Observer) -> Result<Matrix> {
        let effects = self.effects(weights);
        let mut result = Matrix::zeros(self.pattern.rows(), weights.columns());
        let scale = |row: usize, _| self.scale[row];
        gather(self.pattern, &effects, 0, result.data_mut(), scale, observer)?;
        if let Some((features, _)) = &self.attributes {
            gather(features, &effects, self.transposed.rows(), result.data_mut(), |_, _| 1.0, observer)?;
        }
        Ok(result)
    }

    /// `Fᵀ T` of the rows with entries: features × c.
    fn apply_transposed(&self, targets: &Matrix, observer: &dyn Observer) -> Result<Matrix> {
        let mut result = Matrix::zeros(self.features(), targets.columns());
        let (others, known) = result.data_mut().split_at_mut(self.transposed.rows() * targets.columns());
        let scale = |_, row: usize| self.scale[row];
        gather(self.transposed, targets, 0, others, scale, observer)?;
        if let Some((_, features)) = &self.attributes {
            let rated = |_, row: usize| f32::from(u8::from(self.pattern.row_len(row) > 0));
            gather(features, targets, 0, known, rated, observer)?;
        }
        self.centre(&mut result, |share| (1.0, share));
        Ok(result)
    }

    /// The mean of `rows` (rows × c) over those with entries.
    pub fn mean(&self, rows: &Matrix) -> Vec<f32> {
        let rated = |row: usize| f64::from(u8::from(self.pattern.row_len(row) > 0));
        let sums = column_sums(rows, 0..rows.rows(), |row, _, value| rated(row) * f64::from(value));
        let count = (0..rows.rows()).map(rated).sum::<f64>().max(1.0);
        sums.into_iter().map(|sum| (sum / count) as f32).collect()
    }

    /// Improves `weights` (features × c) towards the B of `rows` (rows × c), with one ridge per column.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn improve(
        &self,
        weights: &mut Matrix,
        rows: &Matrix,
        mean: &[f32],
        ridges: &[f32],
        observer: &dyn Observer,
    ) -> Result<()> {
        // The residual Fᵀ(W − mean − F B) − λB.
        let mut targets = self.apply(weights, observer)?;
        update(&mut targets, rows, |column, fitted, x| x - mean[column] - fitted);
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
            let mut image = self.apply_transposed(&self.apply(&direction, observer)?, observer)?;
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

/// The value of each of n entries of a pattern, 1/n^.3.
pub(super) fn pattern_scale(entries: usize) -> f32 {
    (entries.max(1) as f32).powf(-PATTERN_EXPONENT)
}

/// Adds sparse products to every row of `target`: for each entry of `rows`, row `first + entry` of `source` times
/// `factor(row, entry)`.
fn gather(
    rows: &SparseRows,
    source: &Matrix,
    first: usize,
    target: &mut [f32],
    factor: impl Fn(usize, usize) -> f32 + Sync,
    observer: &dyn Observer,
) -> Result<()> {
    let arch = pulp::Arch::new();
    target.par_chunks_mut(BLOCK_ROWS * source.columns()).enumerate().try_for_each(|(block, target)| {
        observer.check()?;
        arch.dispatch(Gather { rows, source, first, target, begin: block * BLOCK_ROWS, factor: &factor });
        Ok(())
    })
}

struct Gather<'a, F> {
    rows: &'a SparseRows,
    source: &'a Matrix,
    first: usize,
    target: &'a mut [f32],
    begin: usize,
    factor: &'a F,
}

impl<F: Fn(usize, usize) -> f32> WithSimd for Gather<'_, F> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (offset, target) in self.target.chunks_exact_mut(self.source.columns()).enumerate() {
            let row = self.begin + offset;
            for &entry in self.rows.row(row).0 {
                let entry = entry as usize;
                let source = self.source.row(self.first + entry);
                add_scaled_simd(simd, target, (self.factor)(row, entry), source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::seed::mix;

    /// x of `a x = b` by Gaussian elimination; a is positive definite.
    fn solve_plain(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
        let n = b.len();
        for pivot in 0..n {
            let from = a[pivot].clone();
            for row in pivot + 1..n {
                let factor = a[row][pivot] / from[pivot];
                a[row].iter_mut().zip(&from).for_each(|(x, pivot)| *x -= factor * pivot);
                b[row] -= factor * b[pivot];
            }
        }
        for row in (0..n).rev() {
            let known: f64 = (row + 1..n).map(|column| a[row][column] * b[column]).sum();
            b[row] = (b[row] - known) / a[row][row];
        }
        b
    }

    /// F as it is defined.
    fn dense(pattern: &SparseRows, attributes: &Attributes) -> Vec<Vec<f64>> {
        let rows = 0..pattern.rows();
        let scale = |row: usize| (pattern.row_len(row) as f64).powf(-0.3);
        let held = |row: usize| pattern.row_len(row) as f64 * scale(row);
        let rated: Vec<usize> = rows.clone().filter(|&row| pattern.row_len(row) > 0).collect();
        let has =
            |row: usize, other: usize| f64::from(u8::from(pattern.row(row).0.contains(&(other as u32))));
        let knows =
            |row: usize, feature: usize| f64::from(u8::from(attributes.row(row).contains(&(feature as u32))));
        let mut dense = vec![Vec::new(); pattern.rows()];
        for other in 0..pattern.width() {
            let of_rated = rated.iter().filter(|&&row| has(row, other) > 0.0);
            let share = of_rated.map(|&row| scale(row)).sum::<f64>()
                / rated.iter().map(|&row| held(row)).sum::<f64>();
            for row in rows.clone() {
                let held = if pattern.row_len(row) > 0 { held(row) } else { 0.0 };
                let has = if has(row, other) > 0.0 { scale(row) } else { 0.0 };
                dense[row].push(has - share * held);
            }
        }
        for column in &attributes.columns {
            let known = |row: usize| column.clone().map(|feature| knows(row, feature)).sum::<f64>();
            for feature in column.clone() {
                let share = rated.iter().map(|&row| knows(row, feature)).sum::<f64>()
                    / rated.iter().map(|&row| known(row)).sum::<f64>();
                rows.clone()
                    .for_each(|row| dense[row].push(0.5 * (knows(row, feature) - share * known(row))));
            }
        }
        dense
    }

    #[test]
    fn improving_again_and_again_gives_the_dense_ridge() {
        let (rows, others, width) = (40, 25, 3);
        let (mut starts, mut columns) = (vec![0], Vec::new());
        for row in 0..rows {
            // The first row and the last three rated nothing, others up to half.
            let rated = |other: &u32| {
                row > 0 && row < rows - 3 && mix(row * 100 + u64::from(*other)) % 40 < row / 2 + 2
            };
            columns.extend((0..others as u32).filter(rated));
            starts.push(columns.len());
        }
        let values = vec![1.0; columns.len()];
        let pattern = SparseRows::new(others, starts, columns, values).unwrap();
        let transposed = pattern.transposed();
        // Two attributes, of 2 and 3 levels; each is null in some rows.
        let (mut starts, mut features) = (vec![0], Vec::new());
        for row in 0..rows {
            features.extend((row % 4 < 2).then_some(row as u32 % 2));
            features.extend((row % 7 > 0).then_some(2 + mix(row) as u32 % 3));
            starts.push(features.len());
        }
        let values = vec![1.0; features.len()];
        let features = SparseRows::new(5, starts, features, values).unwrap();
        let attributes = Attributes { features, columns: vec![0..2, 2..5] };

        let map = RidgeMap::new(&pattern, &transposed, Some(&attributes), &Silent).unwrap();
        let value = |at: u64| (mix(at ^ 77) >> 40) as f32 / (1 << 24) as f32;
        let data = (0..rows * width).map(value).collect();
        let target = Matrix::from_data(width as usize, data).unwrap();
        let (mean, ridges) = (map.mean(&target), [0.5, 2.0, 12.0]);
        let mut weights = Matrix::zeros(map.features(), width as usize);
        for _ in 0..30 {
            map.improve(&mut weights, &target, &mean, &ridges, &Silent).unwrap();
        }
        let found = map.apply(&weights, &Silent).unwrap();

        let dense = dense(&pattern, &attributes);
        let rated: Vec<usize> = (0..rows as usize).filter(|&row| pattern.row_len(row) > 0).collect();
        let rated = || rated.iter().copied();
        for (column, &ridge) in ridges.iter().enumerate() {
            let mean =
                rated().map(|row| f64::from(target.row(row)[column])).sum::<f64>() / rated().count() as f64;
            let moment = |i: usize, j: usize| rated().map(|row| dense[row][i] * dense[row][j]).sum::<f64>();
            let gram = (0..map.features()).map(|i| {
                let ridge = |j: usize| if i == j { f64::from(ridge) } else { 0.0 };
                (0..map.features()).map(|j| moment(i, j) + ridge(j)).collect()
            });
            let right = (0..map.features()).map(|i| {
                rated().map(|row| dense[row][i] * (f64::from(target.row(row)[column]) - mean)).sum()
            });
            let expected = solve_plain(gram.collect(), right.collect());
            for (row, features) in dense.iter().enumerate() {
                let expected: f64 = features.iter().zip(&expected).map(|(x, weight)| x * weight).sum();
                let found = f64::from(found.row(row)[column]);
                assert!((found - expected).abs() < 1e-4, "{row} {column}: {found} {expected}");
            }
        }
        // What tells about rows adds up to the same.
        let effects = map.effects(&weights);
        let row = rows as usize - 1;
        let sum: f32 = attributes.row(row).iter().map(|&f| effects.row(others + f as usize)[0]).sum();
        assert!(
            (found.row(row)[0] - sum).abs() < 1e-6,
            "a row that rated nothing is what its attributes say"
        );
    }
}
