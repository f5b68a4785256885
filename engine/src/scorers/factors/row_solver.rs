//! One half-sweep of alternating least squares: the exact factors of every row against a fixed side.
//!
//! The row's system is `(α₀G + λI + YᵀCY) p = YᵀC1` (Hu, Koren, Volinsky 2008, eq. 4, with the
//! weight α₀ on every pair: Rendle et al. 2021). The fixed side is rotated once into the eigenbasis
//! of its Gramian G, where `D = α₀G + λI` is diagonal for every λ. Each row is then solved in one of two ways:
//!
//! - **short** ([`super::short_rows`]): an m × m system for m entries: m²k/2 + m³/6 multiply-adds;
//! - **long**: the k × k system: mk²/2 + k³/6 multiply-adds.
//!
//! Both are exact. Factors come out in the eigenbasis; a rotation of both sides does not change their products.

use super::fixed_side::FixedSide;
use super::normal_equations::{NormalEquations, weight};
use super::short_rows::{self, ShortRows};
use crate::error::{EngineError, Result};
use crate::interactions::SparseRows;
use crate::linalg::vector::dot_simd;
use crate::matrix::Matrix;
use crate::observer::Observer;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Rows per task: about a millisecond of work, so that cancellation is prompt and threads stay balanced, yet enough
/// rows that many have nearly the same length and can be solved together.
const BLOCK_ROWS: usize = 256;

impl FixedSide {
    /// Computes the factors (rows × k, in the eigenbasis) of every row of `rows`, whose columns are rows of the fixed
    /// side and whose values are confidences. `regularization(row)` is the λ of a row. Also returns the sum of the
    /// minimized losses `Σ c (1 − p·y)² + pᵀDp`, which the solution provides at no extra cost.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], [`EngineError::NotFinite`].
    pub fn solve<F>(
        &self,
        rows: &SparseRows,
        regularization: F,
        observer: &dyn Observer,
    ) -> Result<(Matrix, f64)>
    where
        F: Fn(usize) -> f32 + Sync,
    {
        let k = self.fixed().columns();
        let mut factors = Matrix::zeros(rows.rows(), k);
        let arch = pulp::Arch::new();
        let losses: Vec<f64> = factors
            .data_mut()
            .par_chunks_mut(BLOCK_ROWS * k)
            .enumerate()
            .map_init(
                || Scratch::new(k),
                |scratch, (block, target)| {
                    let first = block * BLOCK_ROWS;
                    let regularization = &regularization;
                    let block =
                        Block { solver: self, rows, first, target, scratch, regularization, observer };
                    arch.dispatch(block)
                },
            )
            .collect::<Result<_>>()?;
        // Rows solved after cancellation are incomplete, so report it rather than return them.
        observer.check()?;
        Ok((factors, losses.iter().sum()))
    }
}

/// Per-thread scratch space.
struct Scratch {
    long: NormalEquations,
    short: ShortRows,
    /// The non-empty rows of a block, shortest first.
    order: Vec<usize>,
}

impl Scratch {
    fn new(k: usize) -> Self {
        Self { long: NormalEquations::new(k), short: ShortRows::new(k), order: Vec::new() }
    }
}

struct Block<'a, F> {
    solver: &'a FixedSide,
    rows: &'a SparseRows,
    first: usize,
    target: &'a mut [f32],
    scratch: &'a mut Scratch,
    regularization: &'a F,
    observer: &'a dyn Observer,
}

impl<F: Fn(usize) -> f32> WithSimd for Block<'_, F> {
    /// The sum of the rows' losses.
    type Output = Result<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Result<f64> {
        let Self { solver, rows, first, target, scratch, regularization, observer } = self;
        let Scratch { long, short, order } = scratch;
        let k = solver.fixed().columns();
        let place = |row: usize| (row - first) * k..(row - first + 1) * k;
        let length = |row: &usize| rows.row_len(*row);
        order.clear();
        order.extend((first..first + target.len() / k).filter(|row| length(row) > 0));
        order.sort_unstable_by_key(|row| (length(row), *row));
        let (together, rest) =
            order.split_at(order.partition_point(|row| length(row) <= short_rows::most_together(k)));
        let mut loss = 0.0;
        for group in together.chunks(S::F32_LANES) {
            observer.check()?;
            loss += short.together(simd, solver, rows, group, regularization, |row, factors| {
                target[place(row)].copy_from_slice(factors);
            });
        }
        for &row in rest {
            observer.check()?;
            let (columns, confidences) = rows.row(row);
            let target = &mut target[place(row)];
            if columns.len() <= short_rows::most(k) {
                loss += short.single(simd, solver, columns, confidences, regularization(row), target);
            } else {
                long.start_diagonal(solver.diagonal(regularization(row)));
                long.add(simd, solver.fixed(), columns, confidences, observer);
                let (factors, explained) = long.solve(simd);
                target.copy_from_slice(factors);
                loss += confidences.iter().map(|&c| f64::from(weight(c))).sum::<f64>() - explained;
            }
        }
        let finite = loss.is_finite() && dot_simd(simd, target, target).is_finite();
        if finite { Ok(loss) } else { Err(EngineError::NotFinite { what: "a row" }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::gram;
    use crate::observer::Silent;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        /// Rows of every length from none to more than the factors: those solved together, alone, and as
        /// k × k systems.
        #[test]
        fn rows_of_every_length_agree_with_the_plain_system(k in 1usize..100, seed in any::<u64>()) {
            let value = |i: usize| (crate::seed::mix(seed ^ i as u64) >> 40) as f32 / (1 << 24) as f32;
            let count = k + 30;
            let fixed: Vec<f32> = (0..count * k).map(|i| value(i) - 0.5).collect();
            let fixed = Matrix::from_data(k, fixed).unwrap();
            let (mut starts, mut columns) = (vec![0], Vec::new());
            for row in 0..count {
                // In an order that mixes lengths.
                columns.extend((0..row * 7 % count).map(|column| column as u32));
                starts.push(columns.len());
            }
            let confidences = (0..columns.len()).map(|i| 0.2 + 3.0 * value(i + 7)).collect();
            let rows = SparseRows::new(count, starts, columns, confidences).unwrap();
            let (gram, weight) = (gram(&fixed), 0.05);
            let ridge = |row: usize| 0.1 + 0.01 * (row % 3) as f32;
            let solver = FixedSide::new(&fixed, &gram, weight, &Silent).unwrap();
            let (found, loss) = solver.solve(&rows, ridge, &Silent).unwrap();
            let found = solver.basis().rotate_back(&found, &Silent);
            let mut expected_loss = 0.0;
            for row in 0..count {
                let (columns, confidences) = rows.row(row);
                let mut system = vec![vec![0.0; k + 1]; k];
                for i in 0..k {
                    (0..k).for_each(|j| system[i][j] = weight * gram[i * k + j]);
                    system[i][i] += f64::from(ridge(row));
                }
                let base = system.clone();
                for (&column, &confidence) in columns.iter().zip(confidences) {
                    let y = fixed.row(column as usize);
                    for i in 0..k {
                        let weighted = f64::from(confidence) * f64::from(y[i]);
                        (0..k).for_each(|j| system[i][j] += weighted * f64::from(y[j]));
                        system[i][k] += weighted;
                    }
                }
                let expected = eliminated(system);
                for (&found, &expected) in found.row(row).iter().zip(&expected) {
                    prop_assert!((f64::from(found) - expected).abs() < 2e-4, "{row}: {found} {expected}");
                }
                for (&column, &confidence) in columns.iter().zip(confidences) {
                    let y = fixed.row(column as usize);
                    let product: f64 = y.iter().zip(&expected).map(|(&y, p)| f64::from(y) * p).sum();
                    expected_loss += f64::from(confidence) * (1.0 - product).powi(2);
                }
                for i in 0..k {
                    expected_loss += (0..k).map(|j| expected[i] * base[i][j] * expected[j]).sum::<f64>();
                }
            }
            prop_assert!((loss - expected_loss).abs() < 1e-4 * expected_loss, "{loss} {expected_loss}");
        }
    }

    /// Gaussian elimination of a positive definite system whose last column is the right side.
    fn eliminated(mut system: Vec<Vec<f64>>) -> Vec<f64> {
        let n = system.len();
        for pivot in 0..n {
            let row = system[pivot].clone();
            for (_, target) in system.iter_mut().enumerate().filter(|(other, _)| *other != pivot) {
                let factor = target[pivot] / row[pivot];
                target.iter_mut().zip(&row).for_each(|(target, value)| *target -= factor * value);
            }
        }
        system.iter().enumerate().map(|(i, row)| row[n] / row[i]).collect()
    }
}
