//! The k × k normal equations of one row: `(base + Σ w y yᵀ) x = Σ w y`.
//!
//! A row with m entries costs m·k²/2 multiply-adds for the matrix and k³/6 for the solve.

use crate::linalg::cholesky::{factorize_simd, solve_simd};
use crate::linalg::padded;
use crate::linalg::rank_update::rank_update_simd;
use crate::linalg::vector::add_scaled_simd;
use crate::matrix::Matrix;
use crate::observer::Observer;
use pulp::Simd;

/// Entries gathered before they are added to the matrix; 64 × 128 values take 32 kB.
const GATHERED: usize = 64;

/// The maximum weight of an entry in a system. At this weight the prediction of the entry is within a millionth of 1;
/// with a larger one the other entries would vanish in `f32` rounding.
const MOST_WEIGHT: f32 = (1u32 << 20) as f32;

/// The weight of an entry with this confidence.
#[inline(always)]
pub fn weight(confidence: f32) -> f32 {
    confidence.min(MOST_WEIGHT)
}

/// Scratch space for the system of one row, reused for the next.
#[derive(Clone, Debug)]
pub struct NormalEquations {
    k: usize,
    stride: usize,
    matrix: Vec<f32>,
    right: Vec<f32>,
    gathered: Vec<f32>,
}

impl NormalEquations {
    /// Allocates space for systems of k unknowns.
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

    /// Starts a system from a diagonal matrix.
    #[inline(always)]
    pub fn start_diagonal(&mut self, values: impl Iterator<Item = f32>) {
        self.matrix.fill(0.0);
        self.right.fill(0.0);
        let places = self.matrix.iter_mut().step_by(self.stride + 1);
        places.zip(values.chain(std::iter::repeat(1.0))).for_each(|(place, value)| *place = value);
    }

    /// Starts a system from `base + ridge·I`, where `base` comes from [`Self::base`].
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

    /// Adds `Σ w y yᵀ` and `Σ w y` over `rows` of `fixed`, weighted by `confidences`. Stops early if `observer`
    /// requests cancellation; the caller must then discard the result.
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

    /// Starts an empty system, which only accumulates.
    #[inline(always)]
    pub fn start_empty(&mut self) {
        self.matrix.fill(0.0);
        self.right.fill(0.0);
    }

    /// Replaces the accumulated right side.
    #[inline(always)]
    pub fn set_right(&mut self, values: &[f32]) {
        self.right.fill(0.0);
        self.right[..self.k].copy_from_slice(&values[..self.k]);
    }

    /// Solves the system in place, which destroys it. Returns x and its product with the right side; this is the part
    /// of `Σ w`, the loss of a zero row, that x explains.
    #[inline(always)]
    pub fn solve<S: Simd>(&mut self, simd: S) -> (&[f32], f64) {
        factorize_simd(simd, &mut self.matrix, self.stride);
        let explained = solve_simd(simd, &self.matrix, self.stride, &mut self.right);
        (&self.right[..self.k], f64::from(explained))
    }
}
