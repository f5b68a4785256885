//! One half-sweep of alternating least squares: the exact factors of every row against a fixed side.
//!
//! The row's system is `(α₀G + λI + YᵀCY) p = YᵀC1` (Hu, Koren, Volinsky 2008, eq. 4, with the
//! weight α₀ on every pair: Rendle et al. 2021). The fixed side is rotated once into the eigenbasis
//! of its Gramian G, where `D = α₀G + λI` is diagonal for every λ. Then a row has two ways:
//!
//! - **short** ([`super::short_rows`]): an m × m system for m entries: m²k/2 + m³/6 multiply-adds;
//! - **long**: the k × k system: mk²/2 + k³/6 multiply-adds.
//!
//! Both are exact. Factors come out in the eigenbasis; products of the two sides do not change.

use super::normal_equations::NormalEquations;
use super::short_rows::{self, ShortRows};
use crate::error::{EngineError, Result};
use crate::interactions::SparseRows;
use crate::linalg::Eigenbasis;
use crate::linalg::vector::dot_simd;
use crate::matrix::Matrix;
use crate::observer::Observer;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Rows of a task: about a millisecond of work, so that cancellation is quick and threads stay even;
/// enough that rows of nearly one length are found to be solved together.
const BLOCK_ROWS: usize = 256;

/// The fixed side of a half-sweep, ready to solve rows against.
#[derive(Clone, Debug)]
pub struct RowSolver {
    basis: Eigenbasis,
    fixed: Matrix,
    unobserved_weight: f32,
}

impl RowSolver {
    /// Prepares the fixed side: `fixed` (n × k) are the factors that rows refer to, `gram` (k × k)
    /// is the Gramian of **all** factors a row is measured against, which may be more than `fixed`.
    ///
    /// # Errors
    /// [`EngineError::NotFinite`].
    pub fn new(fixed: &Matrix, gram: &[f64], unobserved_weight: f64) -> Result<Self> {
        let basis = Eigenbasis::of(gram, fixed.columns())?;
        Ok(Self { fixed: basis.rotate(fixed), basis, unobserved_weight: unobserved_weight as f32 })
    }

    /// The fixed side in the eigenbasis, taken out.
    pub fn into_fixed(self) -> Matrix {
        self.fixed
    }

    /// The eigenbasis.
    pub fn basis(&self) -> &Eigenbasis {
        &self.basis
    }

    /// The factors (rows × k, in the eigenbasis) of every row of `rows`, whose columns are rows of
    /// the fixed side and whose values are confidences; `regularization(row)` is λ of a row. Beside
    /// them the sum of what the rows minimise: `Σ c (1 − p·y)² + pᵀDp`, at no cost.
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
        let k = self.fixed.columns();
        let mut factors = Matrix::zeros(rows.rows(), k);
        let arch = pulp::Arch::new();
        let losses: Vec<f64> = factors
            .data_mut()
            .par_chunks_mut(BLOCK_ROWS * k)
            .enumerate()
            .map_init(
                || Scratch::new(k),
                |scratch, (block, target)| {
                    observer.check()?;
                    let first = block * BLOCK_ROWS;
                    let regularization = &regularization;
                    let loss =
                        arch.dispatch(Block { solver: self, rows, first, target, scratch, regularization });
                    if loss.is_finite() { Ok(loss) } else { Err(EngineError::NotFinite { what: "a row" }) }
                },
            )
            .collect::<Result<_>>()?;
        Ok((factors, losses.iter().sum()))
    }

    /// The fixed side in the eigenbasis.
    #[inline(always)]
    pub(super) fn fixed(&self) -> &Matrix {
        &self.fixed
    }

    /// D for a row with this λ.
    #[inline(always)]
    pub(super) fn diagonal(&self, ridge: f32) -> impl Iterator<Item = f32> {
        self.basis.values.iter().map(move |value| self.unobserved_weight * value + ridge)
    }
}

/// Space of one thread.
struct Scratch {
    long: NormalEquations,
    short: ShortRows,
    /// Rows of a block that have entries, the shortest first.
    order: Vec<usize>,
}

impl Scratch {
    fn new(k: usize) -> Self {
        Self { long: NormalEquations::new(k), short: ShortRows::new(k), order: Vec::new() }
    }
}

struct Block<'a, F> {
    solver: &'a RowSolver,
    rows: &'a SparseRows,
    first: usize,
    target: &'a mut [f32],
    scratch: &'a mut Scratch,
    regularization: &'a F,
}

impl<F: Fn(usize) -> f32> WithSimd for Block<'_, F> {
    /// What the rows minimise; not finite where a factor is not.
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Self { solver, rows, first, target, scratch: Scratch { long, short, order }, regularization } =
            self;
        let k = solver.fixed.columns();
        let length = |row: &usize| rows.row_len(*row);
        order.clear();
        order.extend((first..first + target.len() / k).filter(|row| length(row) > 0));
        order.sort_unstable_by_key(|row| (length(row), *row));
        let together = order.partition_point(|row| length(row) <= short_rows::most_together(k));
        let single = order.partition_point(|row| length(row) <= short_rows::most(k));
        let mut loss = 0.0;
        for group in order[..together].chunks(S::F32_LANES) {
            let place = |row: usize| (row - first) * k..(row - first + 1) * k;
            loss += short.together(simd, solver, rows, group, regularization, |row, factors| {
                target[place(row)].copy_from_slice(factors);
            });
        }
        for &row in &order[together..] {
            let (columns, confidences) = rows.row(row);
            let ridge = regularization(row);
            let target = &mut target[(row - first) * k..(row - first + 1) * k];
            if columns.len() <= short_rows::most(k) {
                loss += short.single(simd, solver, columns, confidences, ridge, target);
            } else {
                long.start_diagonal(solver.diagonal(ridge));
                long.add(simd, &solver.fixed, columns, confidences);
                let (factors, explained) = long.solve(simd);
                target.copy_from_slice(factors);
                loss += confidences.iter().map(|&c| f64::from(c)).sum::<f64>() - explained;
            }
        }
        let _ = single;
        let sum: f32 = target.chunks_exact(k).map(|factors| dot_simd(simd, factors, factors)).sum();
        if sum.is_finite() { loss } else { f64::NAN }
    }
}
