//! One half-sweep of alternating least squares: the exact factors of every row against a fixed side.
//!
//! The row's system is `(α₀G + λI + YᵀCY) p = YᵀC1` (Hu, Koren, Volinsky 2008, eq. 4, with the
//! weight α₀ on every pair: Rendle et al. 2021). The fixed side is rotated once into the eigenbasis
//! of its Gramian G, where `D = α₀G + λI` is diagonal for every λ. Then a row has two ways:
//!
//! - **short** (m entries, m ≤ ¾ k): the push-through identity `p = D⁻¹Yᵀ (C⁻¹ + Y D⁻¹ Yᵀ)⁻¹ 1`
//!   leaves an m × m system: m²k/2 + m³/6 multiply-adds;
//! - **long**: the k × k system: mk²/2 + k³/6 multiply-adds.
//!
//! Both are exact. Factors come out in the eigenbasis; products of the two sides do not change.

use super::normal_equations::NormalEquations;
use crate::error::{EngineError, Result};
use crate::interactions::SparseRows;
use crate::linalg::cholesky::{factorize_simd, solve_simd};
use crate::linalg::rank_update::rank_update_simd;
use crate::linalg::vector::dot_simd;
use crate::linalg::{Eigenbasis, padded};
use crate::matrix::Matrix;
use crate::observer::Observer;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Rows of a task: about a millisecond of work, so that cancellation is quick and threads stay even.
const BLOCK_ROWS: usize = 128;
/// Rows that are transposed together.
const LANES: usize = 8;

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
    /// the fixed side and whose values are confidences; `regularization(m)` is λ of a row with m
    /// entries.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], [`EngineError::NotFinite`].
    pub fn solve<F>(&self, rows: &SparseRows, regularization: F, observer: &dyn Observer) -> Result<Matrix>
    where
        F: Fn(usize) -> f32 + Sync,
    {
        let k = self.fixed.columns();
        let mut factors = Matrix::zeros(rows.rows(), k);
        let arch = pulp::Arch::new();
        factors.data_mut().par_chunks_mut(BLOCK_ROWS * k).enumerate().try_for_each_init(
            || Scratch::new(k),
            |scratch, (block, target)| {
                observer.check()?;
                let block = Block {
                    solver: self,
                    rows,
                    first: block * BLOCK_ROWS,
                    target,
                    scratch,
                    regularization: &regularization,
                };
                if arch.dispatch(block) { Ok(()) } else { Err(EngineError::NotFinite { what: "a row" }) }
            },
        )?;
        Ok(factors)
    }
}

/// Space of one thread.
struct Scratch {
    long: NormalEquations,
    /// Square roots of D⁻¹.
    scale: Vec<f32>,
    /// D^(−½)Yᵀ: k × padded(m).
    transposed: Vec<f32>,
    /// C⁻¹ + Y D⁻¹ Yᵀ: padded(m) × padded(m).
    small: Vec<f32>,
    right: Vec<f32>,
    zeros: Vec<f32>,
}

impl Scratch {
    fn new(k: usize) -> Self {
        let widest = padded(longest_short_row(k));
        Self {
            long: NormalEquations::new(k),
            scale: vec![0.0; k],
            transposed: vec![0.0; k * widest],
            small: vec![0.0; widest * widest],
            right: vec![0.0; widest],
            zeros: vec![0.0; k],
        }
    }
}

/// Rows up to this length take the short way. Multiply-adds are equal at m ≈ 0.9 k; the long way
/// has the simpler memory access. Chosen with `benches` (`sweep`).
const fn longest_short_row(k: usize) -> usize {
    k * 3 / 4
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
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let k = self.solver.fixed.columns();
        let mut sum = 0.0;
        for (offset, target) in self.target.chunks_exact_mut(k).enumerate() {
            let (columns, confidences) = self.rows.row(self.first + offset);
            if columns.is_empty() {
                continue;
            }
            let ridge = (self.regularization)(columns.len());
            if columns.len() <= longest_short_row(k) {
                short_row(simd, self.solver, columns, confidences, ridge, self.scratch, target);
            } else {
                let system = &mut self.scratch.long;
                system.start_diagonal(&self.solver.basis.values, self.solver.unobserved_weight, ridge);
                system.add(simd, &self.solver.fixed, columns, confidences);
                target.copy_from_slice(system.solve(simd));
            }
            sum += dot_simd(simd, target, target);
        }
        sum.is_finite()
    }
}

#[inline(always)]
fn short_row<S: Simd>(
    simd: S,
    solver: &RowSolver,
    columns: &[u32],
    confidences: &[f32],
    ridge: f32,
    scratch: &mut Scratch,
    target: &mut [f32],
) {
    let m = columns.len();
    let stride = padded(m);
    let k = target.len();
    for (scale, value) in scratch.scale.iter_mut().zip(&solver.basis.values) {
        *scale = (solver.unobserved_weight * value + ridge).sqrt().recip();
    }

    // Z' = D^(−½)Yᵀ, eight entries at a time so that stores are whole.
    for first in (0..stride).step_by(LANES) {
        let sources: [&[f32]; LANES] = std::array::from_fn(|lane| {
            columns.get(first + lane).map_or(&scratch.zeros[..], |&column| solver.fixed.row(column as usize))
        });
        let sources = sources.map(|source| &source[..k]);
        for (d, row) in scratch.transposed.chunks_exact_mut(stride).take(k).enumerate() {
            let scale = scratch.scale[d];
            let lanes = &mut row[first..first + LANES];
            for lane in 0..LANES {
                lanes[lane] = scale * sources[lane][d];
            }
        }
    }
    let transposed = &scratch.transposed[..k * stride];

    let small = &mut scratch.small[..stride * stride];
    small.fill(0.0);
    for entry in 0..stride {
        small[entry * stride + entry] = confidences.get(entry).map_or(1.0, |c| c.recip());
    }
    rank_update_simd::<S, true>(simd, small, transposed, stride, 0, stride);
    factorize_simd(simd, small, stride);
    let right = &mut scratch.right[..stride];
    for (entry, value) in right.iter_mut().enumerate() {
        *value = if entry < m { 1.0 } else { 0.0 };
    }
    solve_simd(simd, small, stride, right);
    for ((value, row), scale) in target.iter_mut().zip(transposed.chunks_exact(stride)).zip(&scratch.scale) {
        *value = scale * dot_simd(simd, row, right);
    }
}
