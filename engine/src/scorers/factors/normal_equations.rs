//! The k × k normal equations of one row: `(base + Σ w y yᵀ) x = Σ w y`.
//!
//! Cost of a row with m entries: m·k²/2 multiply-adds for the matrix and k³/6 for the solve.

use crate::linalg::cholesky::{factorize_simd, solve_simd};
use crate::linalg::padded;
use crate::linalg::rank_update::rank_update_simd;
use crate::linalg::vector::add_scaled_simd;
use crate::matrix::Matrix;
use crate::observer::Observer;
use pulp::Simd;

/// Entries that are gathered before they are added to the matrix: 64 × 128 values are 32 kB.
const GATHERED: usize = 64;

/// The most that an entry weighs in a system: what is predicted of it is then 1 but for a millionth, and beside more
/// `f32` would hold nothing of the others.
const MOST_WEIGHT: f32 = (1u32 << 20) as f32;

/// What an entry with this confidence weighs in a system.
#[inline(always)]
pub fn weight(confidence: f32) -> f32 {
    confidence.min(MOST_WEIGHT)
}

/// Scratch space for the system of one row, used again for the next.
#[derive(Clone, Debug)]
pub struct NormalEquations {
    k: usize,
    stride: usize,
    matrix: Vec<f32>,
    right: Vec<f32>,
    gathered: Vec<f32>,
}

impl NormalEquations {
    /// Space for systems of k unknowns.
    pub fn new(k: usize) -> Self {
        let stride = padded(k);
        Self {
            k,
            stride,
            matrix: vec![0.0; stride * stride],
            right: vec![0.0; stride],
            gathered: vec![0.0; GATHERED * stride],
        }
    }

    /// Begins with a diagonal.
    #[inline(always)]
    pub fn start_diagonal(&mut self, values: impl Iterator<Item = f32>) {
        self.matrix.fill(0.0);
        self.right.fill(0.0);
        let places = self.matrix.iter_mut().step_by(self.stride + 1);
        places.zip(values.chain(std::iter::repeat(1.0))).for_each(|(place, value)| *place = value);
    }

    /// Begins with `base + ridge·I`, `base` from [`Self::base`].
    #[inline(always)]
    pub fn start_dense(&mut self, base: &[f32], ridge: f32) {
        self.matrix.copy_from_slice(base);
        self.right.fill(0.0);
        for i in 0..self.stride {
            self.matrix[i * self.stride + i] += if i < self.k { ridge } else { 1.0 };
        }
    }

    /// A k × k matrix times `scale`, in the padded form that [`Self::start_dense`] takes.
    pub fn base(gram: &[f64], k: usize, scale: f64) -> Vec<f32> {
        let stride = padded(k);
        let mut base = vec![0.0; stride * stride];
        for i in 0..k {
            for j in 0..k {
                base[i * stride + j] = (scale * gram[i * k + j]) as f32;
            }
        }
        base
    }

    /// Adds `Σ w y yᵀ` and `Σ w y` over rows of `fixed` with their confidences; of the first ones alone where `observer` wants the work to stop,
    /// whose result nobody uses then.
    #[inline(always)]
    pub fn add<S: Simd>(
        &mut self,
        simd: S,
        fixed: &Matrix,
        rows: &[u32],
        confidences: &[f32],
        observer: &dyn Observer,
    ) {
        let (k, stride) = (self.k, self.stride);
        for (rows, confidences) in rows.chunks(GATHERED).zip(confidences.chunks(GATHERED)) {
            if observer.is_cancelled() {
                return;
            }
            let gathered = self.gathered.chunks_exact_mut(stride);
            for ((target, &row), &confidence) in gathered.zip(rows).zip(confidences) {
                let (weight, source) = (weight(confidence), fixed.row(row as usize));
                let root = weight.sqrt();
                for (t, s) in target[..k].iter_mut().zip(source) {
                    *t = root * s;
                }
                add_scaled_simd(simd, &mut self.right[..k], weight, source);
            }
            let gathered = &self.gathered[..rows.len() * stride];
            rank_update_simd::<S, true>(simd, &mut self.matrix, gathered, stride, 0, stride);
        }
    }

    /// Adds `scale` times the matrix and right side of another system.
    #[inline(always)]
    pub fn add_system<S: Simd>(&mut self, simd: S, other: &Self, scale: f32) {
        add_scaled_simd(simd, &mut self.matrix, scale, &other.matrix);
        add_scaled_simd(simd, &mut self.right, scale, &other.right);
    }

    /// Begins with nothing, for a system that only collects.
    #[inline(always)]
    pub fn start_empty(&mut self) {
        self.matrix.fill(0.0);
        self.right.fill(0.0);
    }

    /// Puts another right side in the place of the collected one.
    #[inline(always)]
    pub fn set_right(&mut self, values: &[f32]) {
        self.right.fill(0.0);
        self.right[..self.k].copy_from_slice(&values[..self.k]);
    }

    /// Solves; the system is used up. Gives x and its product with the right side, which is how much x
    /// explains of the `Σ w` that a row of zeros leaves.
    #[inline(always)]
    pub fn solve<S: Simd>(&mut self, simd: S) -> (&[f32], f64) {
        factorize_simd(simd, &mut self.matrix, self.stride);
        let explained = solve_simd(simd, &self.matrix, self.stride, &mut self.right);
        (&self.right[..self.k], f64::from(explained))
    }
}
