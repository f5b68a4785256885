//! Solves the row of a user against fixed items (or vice versa): k factors and a bias, pulled towards a prior mean m.
//! With f = (q_i, 1) and the error e = r − μ − b_i − f·m of the prior's prediction,
//! `w = m + (D + Σ f fᵀ)⁻¹ Σ e f`, D = diag(ridge·√n, …; bias ridge).
//!
//! A row with n ratings takes n·k²/2 multiply-adds for the matrix and k³/6 for the solve.

use crate::error::{EngineError, Result};
use crate::interactions::SparseRows;
use crate::linalg::cholesky::{factorize_simd, solve_simd};
use crate::linalg::padded;
use crate::linalg::rank_update::rank_update_simd;
use crate::linalg::vector::{add_scaled_simd, dot_simd};
use crate::matrix::Matrix;
use crate::observer::Observer;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows per task: a millisecond of work, or a tenth of a second if all have a hundred thousand ratings.
const BLOCK_ROWS: usize = 32;
/// Ratings gathered before they are added to the matrix.
const GATHERED: usize = 64;

/// The strength of the pull of rows towards their prior mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pull {
    /// L2 pull of each factor, in units of √n.
    pub factors: f32,
    /// L2 pull of the bias.
    pub bias: f32,
}

impl Pull {
    /// The diagonal of D for a row with n ratings: k factors, then the bias.
    pub fn diagonal(self, ratings: usize, k: usize) -> Vec<f32> {
        let mut diagonal = vec![self.factors * (ratings as f32).sqrt(); k + 1];
        diagonal[k] = self.bias;
        diagonal
    }
}

/// The ratings of one row, and the rows of the other side.
#[derive(Clone, Copy)]
pub(super) struct Rated<'a> {
    /// Rows of the other side; each begins with k factors and the bias.
    pub others: &'a Matrix,
    /// The row of `others` for each rating.
    pub rows: &'a [u32],
    /// The ratings themselves, before any centring.
    pub ratings: &'a [f32],
    /// μ, the mean rating.
    pub mean: f32,
    /// Asked for cancellation; the result is then discarded.
    pub observer: &'a dyn Observer,
}

impl Rated<'_> {
    /// The rating at `entry`, less μ and the bias of the other side.
    pub fn remainder(&self, entry: usize, k: usize) -> f32 {
        self.ratings[entry] - self.mean - self.others.row(self.rows[entry] as usize)[k]
    }
}

/// Scratch space for the system of one row, reused for the next.
pub(super) struct RowSystem {
    k: usize,
    stride: usize,
    matrix: Vec<f32>,
    right: Vec<f32>,
    gathered: Vec<f32>,
}

impl RowSystem {
    /// Allocates space for k factors and a bias.
    pub fn new(k: usize) -> Self {
        let stride = padded(k + 1);
        let space = |length: usize| vec![0.0; length];
        Self {
            k,
            stride,
            matrix: space(stride * stride),
            right: space(stride),
            gathered: space(GATHERED * stride),
        }
    }

    /// Fills in `D + Σ f fᵀ` and `Σ e f`. Stops early if the observer requests cancellation.
    #[inline(always)]
    fn fill<S: Simd>(&mut self, simd: S, rated: Rated<'_>, diagonal: &[f32], prior: &[f32]) {
        let (k, stride) = (self.k, self.stride);
        self.matrix.fill(0.0);
        self.right.fill(0.0);
        for place in 0..stride {
            self.matrix[place * stride + place] = diagonal.get(place).copied().unwrap_or(1.0);
        }
        for first in (0..rated.rows.len()).step_by(GATHERED) {
            if rated.observer.is_cancelled() {
                return;
            }
            let entries = first..(first + GATHERED).min(rated.rows.len());
            let gathered = &mut self.gathered[..entries.len() * stride];
            for (target, entry) in gathered.chunks_exact_mut(stride).zip(entries) {
                target[..k].copy_from_slice(&rated.others.row(rated.rows[entry] as usize)[..k]);
                target[k] = 1.0;
                let error = rated.remainder(entry, k) - dot_simd(simd, target, prior);
                add_scaled_simd(simd, &mut self.right, error, target);
            }
            rank_update_simd::<S, true>(simd, &mut self.matrix, gathered, stride, 0, stride);
        }
    }
}

/// Solves one row in place.
pub(super) struct SolveRow<'a> {
    pub system: &'a mut RowSystem,
    pub rated: Rated<'a>,
    pub pull: Pull,
    /// On input the prior mean, k + 1 values; on output the solved row.
    pub row: &'a mut [f32],
}

impl WithSimd for SolveRow<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let entries = self.rated.rows.len();
        if entries == 0 {
            return;
        }
        let system = self.system;
        system.fill(simd, self.rated, &self.pull.diagonal(entries, system.k), self.row);
        factorize_simd(simd, &mut system.matrix, system.stride);
        solve_simd(simd, &system.matrix, system.stride, &mut system.right);
        self.row.iter_mut().zip(&system.right).for_each(|(x, change)| *x += change);
    }
}

/// The sensitivity of `f·w` to the right side: g = (D + Σ f fᵀ)⁻¹ f for one f.
pub(super) struct Sensitivity<'a> {
    pub system: &'a mut RowSystem,
    pub rated: Rated<'a>,
    pub diagonal: &'a [f32],
    /// The vector f of k + 1 values.
    pub of: &'a [f32],
}

impl WithSimd for Sensitivity<'_> {
    type Output = Vec<f32>;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let system = self.system;
        system.fill(simd, self.rated, self.diagonal, &[]);
        system.right.fill(0.0);
        system.right[..self.of.len()].copy_from_slice(self.of);
        factorize_simd(simd, &mut system.matrix, system.stride);
        solve_simd(simd, &system.matrix, system.stride, &mut system.right);
        system.right[..self.of.len()].to_vec()
    }
}

struct Block<'a> {
    system: &'a mut RowSystem,
    ratings: &'a SparseRows,
    others: &'a Matrix,
    mean: f32,
    pull: Pull,
    first: usize,
    rows: &'a mut [f32],
    observer: &'a dyn Observer,
}

impl WithSimd for Block<'_> {
    type Output = bool;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let mut sum = 0.0;
        for (offset, row) in self.rows.chunks_exact_mut(self.system.k + 1).enumerate() {
            let (rows, ratings) = self.ratings.row(self.first + offset);
            let rated =
                Rated { others: self.others, rows, ratings, mean: self.mean, observer: self.observer };
            let system = &mut *self.system;
            SolveRow { system, rated, pull: self.pull, row: &mut *row }.with_simd(simd);
            sum += dot_simd(simd, row, row);
        }
        sum.is_finite()
    }
}

/// Solves every row. On input `rows` (rows × (k + 1)) holds the prior means, on output the solutions. `others` are the
/// rows of the other side, which begin with k factors and the bias.
///
/// # Errors
/// [`EngineError::NotFinite`], [`EngineError::Cancelled`].
pub(super) fn solve_rows(
    ratings: &SparseRows,
    others: &Matrix,
    mean: f32,
    pull: Pull,
    rows: &mut Matrix,
    observer: &dyn Observer,
) -> Result<()> {
    let width = rows.columns();
    let arch = pulp::Arch::new();
    rows.data_mut().par_chunks_mut(BLOCK_ROWS * width).enumerate().try_for_each_init(
        || RowSystem::new(width - 1),
        |system, (block, rows)| {
            observer.check()?;
            let first = block * BLOCK_ROWS;
            let finite = arch.dispatch(Block { system, ratings, others, mean, pull, first, rows, observer });
            if finite { Ok(()) } else { Err(EngineError::NotFinite { what: "a row of ratings" }) }
        },
    )?;
    // Rows solved after cancellation are incomplete.
    observer.check()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::seed::mix;

    #[test]
    fn a_solved_row_is_where_the_gradient_is_nothing() {
        let (k, others, mean, pull) = (5, 90, 3.5f32, Pull { factors: 0.7, bias: 2.0 });
        let value = |at: u64| (mix(at) >> 40) as f32 / (1 << 23) as f32 - 1.0;
        let fixed = Matrix::from_data(k + 1, (0..others * 6).map(value).collect()).unwrap();
        // Rows with 0, 1, 3 and 80 ratings: more than are gathered at once.
        let (mut starts, mut columns, mut ratings) = (vec![0], Vec::new(), Vec::new());
        for length in [0u32, 1, 3, 80] {
            columns.extend(0..length);
            ratings.extend((0..u64::from(length)).map(|n| 3.0 + 2.0 * value(n + 999)));
            starts.push(columns.len());
        }
        let ratings = SparseRows::new(others as usize, starts, columns, ratings).unwrap();
        let prior = Matrix::from_data(k + 1, (500..524).map(value).collect()).unwrap();
        let mut rows = prior.clone();
        solve_rows(&ratings, &fixed, mean, pull, &mut rows, &Silent).unwrap();
        assert_eq!(rows.row(0), prior.row(0), "without ratings it is the prior mean");
        for row in 1..4 {
            let (columns, values) = ratings.row(row);
            let diagonal = pull.diagonal(columns.len(), k);
            let mut gradient: Vec<f64> = (0..=k)
                .map(|d| {
                    f64::from(diagonal[d]) * (f64::from(rows.row(row)[d]) - f64::from(prior.row(row)[d]))
                })
                .collect();
            for (&column, &rating) in columns.iter().zip(values) {
                let mut f: Vec<f64> = fixed.row(column as usize).iter().map(|&x| f64::from(x)).collect();
                let bias = std::mem::replace(&mut f[k], 1.0);
                let predicted: f64 = f.iter().zip(rows.row(row)).map(|(f, &w)| f * f64::from(w)).sum();
                let error = f64::from(rating) - f64::from(mean) - bias - predicted;
                gradient.iter_mut().zip(&f).for_each(|(gradient, f)| *gradient -= error * f);
            }
            assert!(gradient.iter().all(|x| x.abs() < 1e-4), "{row}: {gradient:?}");
        }
    }

    #[test]
    fn infinite_ratings_are_an_error() {
        let ratings = SparseRows::new(1, vec![0, 1], vec![0], vec![f32::INFINITY]).unwrap();
        let (fixed, mut rows) = (Matrix::zeros(1, 3), Matrix::zeros(1, 3));
        let pull = Pull { factors: 1.0, bias: 1.0 };
        let solved = solve_rows(&ratings, &fixed, 0.0, pull, &mut rows, &Silent);
        assert_eq!(solved, Err(EngineError::NotFinite { what: "a row of ratings" }));
    }
}
