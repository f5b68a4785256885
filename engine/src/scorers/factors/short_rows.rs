//! Rows with fewer entries than factors. The push-through identity
//! `p = D⁻¹Yᵀ (C⁻¹ + Y D⁻¹ Yᵀ)⁻¹ 1` reduces a row with m entries to an m × m system. Its solution x also gives the
//! row's remaining loss: `Σ c (1 − p·y)² + pᵀDp = Σ x`.
//!
//! Rows of similar length are solved together, one in each lane of a vector register
//! ([`crate::linalg::cholesky_lanes`]).

use super::fixed_side::FixedSide;
use super::normal_equations::weight;
use crate::interactions::SparseRows;
use crate::linalg::cholesky::{factorize_simd, solve_simd};
use crate::linalg::row_products::{ROWS, row_products_simd};
use crate::linalg::vector::add_scaled_simd;
use crate::linalg::{cholesky_lanes, padded};
use pulp::Simd;

/// The longest row that counts as short, for k factors.
pub const fn most(k: usize) -> usize {
    k * 3 / 4
}

/// The longest short row that is solved together with others.
pub fn most_together(k: usize) -> usize {
    most(k).min(cholesky_lanes::MOST)
}

/// The number of `f32` lanes in the widest supported vector register.
const LANES: usize = 16;

/// Per-thread scratch space.
pub struct ShortRows {
    k: usize,
    /// The λ for which `inverse` and `roots` were computed.
    ridge: f32,
    /// D⁻¹.
    inverse: Vec<f32>,
    /// D^(−½).
    roots: Vec<f32>,
    /// Z = YD^(−½), zero-padded to whole tiles.
    scaled: Vec<f32>,
    /// C⁻¹ + ZZᵀ of the rows being solved together.
    systems: Vec<f32>,
    /// C⁻¹ + ZZᵀ of a single row, followed by its right side.
    small: Vec<f32>,
    right: Vec<f32>,
    factors: Vec<f32>,
}

impl ShortRows {
    /// Allocates space for k factors.
    pub fn new(k: usize) -> Self {
        let widest = padded(most(k));
        let together = most_together(k).next_multiple_of(2);
        Self {
            k,
            ridge: f32::NAN,
            inverse: vec![0.0; k],
            roots: vec![0.0; k],
            scaled: vec![0.0; widest * padded(k)],
            systems: vec![0.0; together * cholesky_lanes::width(together) * LANES],
            small: vec![0.0; widest * widest],
            right: vec![0.0; widest],
            factors: vec![0.0; k],
        }
    }

    #[inline(always)]
    fn set_ridge(&mut self, solver: &FixedSide, ridge: f32) {
        if self.ridge != ridge {
            self.ridge = ridge;
            for ((inverse, root), value) in
                self.inverse.iter_mut().zip(&mut self.roots).zip(solver.diagonal(ridge))
            {
                *inverse = value.recip();
                *root = inverse.sqrt();
            }
        }
    }

    /// Gathers Z of a row, zero-padded to `rows` rows.
    #[inline(always)]
    fn gather(&mut self, solver: &FixedSide, columns: &[u32], rows: usize) {
        let stride = padded(self.k);
        let (filled, empty) = self.scaled[..rows * stride].split_at_mut(columns.len() * stride);
        for (target, &column) in filled.chunks_exact_mut(stride).zip(columns) {
            let source = solver.fixed().row(column as usize);
            for ((t, s), root) in target.iter_mut().zip(source).zip(&self.roots) {
                *t = s * root;
            }
        }
        empty.fill(0.0);
    }

    /// Solves at most as many rows as a register has lanes, given by ascending length. `place` receives the factors of
    /// each row. Returns the sum of their losses.
    #[inline(always)]
    pub fn together<S: Simd>(
        &mut self,
        simd: S,
        solver: &FixedSide,
        rows: &SparseRows,
        group: &[usize],
        regularization: impl Fn(usize) -> f32,
        mut place: impl FnMut(usize, &[f32]),
    ) -> f64 {
        let lanes = S::F32_LANES;
        let n = group.last().map_or(0, |&row| rows.row_len(row)).next_multiple_of(2);
        let width = cholesky_lanes::width(n);
        for (lane, &row) in group.iter().enumerate() {
            let (columns, confidences) = rows.row(row);
            self.set_ridge(solver, regularization(row));
            self.gather(solver, columns, n.next_multiple_of(ROWS));
            let scaled = &self.scaled[..n.next_multiple_of(ROWS) * padded(self.k)];
            let systems = &mut self.systems;
            row_products_simd(simd, scaled, padded(self.k), |i, j, products| {
                if i < n {
                    let target = &mut systems[(i * width + j) * lanes..(i * width + j + ROWS) * lanes];
                    for (column, &product) in products.iter().enumerate() {
                        target[column * lanes + lane] = product;
                    }
                }
            });
            for entry in 0..n {
                let (diagonal, right) =
                    confidences.get(entry).map_or((1.0, 0.0), |&c| (weight(c).recip(), 1.0));
                systems[(entry * width + entry) * lanes + lane] += diagonal;
                systems[((entry + 1) * width - 1) * lanes + lane] = right;
            }
        }
        cholesky_lanes::solve_lanes(simd, &mut self.systems, n);
        let mut unexplained = 0.0;
        for (lane, &row) in group.iter().enumerate() {
            self.set_ridge(solver, regularization(row));
            self.factors.fill(0.0);
            for (entry, &column) in rows.row(row).0.iter().enumerate() {
                let x = self.systems[((entry + 1) * width - 1) * lanes + lane];
                add_scaled_simd(simd, &mut self.factors, x, solver.fixed().row(column as usize));
                unexplained += f64::from(x);
            }
            self.factors.iter_mut().zip(&self.inverse).for_each(|(factor, inverse)| *factor *= inverse);
            place(row, &self.factors);
        }
        unexplained
    }

    /// Solves one row and returns its loss.
    #[inline(always)]
    pub fn single<S: Simd>(
        &mut self,
        simd: S,
        solver: &FixedSide,
        columns: &[u32],
        confidences: &[f32],
        ridge: f32,
        factors: &mut [f32],
    ) -> f64 {
        let rows = columns.len().next_multiple_of(ROWS);
        let (depth, stride) = (padded(self.k), padded(columns.len()));
        self.set_ridge(solver, ridge);
        self.gather(solver, columns, rows);
        let small = &mut self.small[..stride * stride];
        small.fill(0.0);
        row_products_simd(simd, &self.scaled[..rows * depth], depth, |i, j, products| {
            small[i * stride + j..][..ROWS].copy_from_slice(products);
        });
        let right = &mut self.right[..stride];
        for (entry, right) in right.iter_mut().enumerate() {
            let (diagonal, value) = confidences.get(entry).map_or((1.0, 0.0), |&c| (weight(c).recip(), 1.0));
            small[entry * stride + entry] += diagonal;
            *right = value;
        }
        factorize_simd(simd, small, stride);
        solve_simd(simd, small, stride, right);
        factors.fill(0.0);
        for (&x, row) in right.iter().zip(self.scaled.chunks_exact(depth)).take(columns.len()) {
            add_scaled_simd(simd, factors, x, row);
        }
        factors.iter_mut().zip(&self.roots).for_each(|(factor, root)| *factor *= root);
        right[..columns.len()].iter().map(|&x| f64::from(x)).sum()
    }
}
