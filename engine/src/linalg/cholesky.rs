//! Cholesky factorization `A = UᵀU` of small symmetric positive definite matrices, and solves.
//!
//! Left-looking in panels of [`TILE`] rows: the panel takes the contribution of all rows above it
//! from [`super::rank_update`], then is factorized row by row. n³/6 multiply-adds, three quarters
//! of them in register tiles at n = 64.

use super::TILE;
use super::rank_update::rank_update_simd;
use super::vector::{add_scaled_simd, dot_simd};
use pulp::{Simd, WithSimd};

/// Factorizes the upper triangle of `a` (`stride × stride`, `stride` a multiple of [`TILE`]) in
/// place. A pivot that is not positive is raised to the smallest normal number, which keeps the
/// result finite; matrices that come here have a ridge on the diagonal.
#[inline(always)]
pub fn factorize_simd<S: Simd>(simd: S, a: &mut [f32], stride: usize) {
    let mut first = 0;
    while first < stride {
        let (above, panel) = a.split_at_mut(first * stride);
        rank_update_simd::<S, false>(simd, panel, above, stride, first, first + TILE);
        for pivot in 0..TILE {
            let (upper, lower) = panel.split_at_mut((pivot + 1) * stride);
            let row = &mut upper[pivot * stride..];
            let inverse = row[first + pivot].max(f32::MIN_POSITIVE).sqrt().recip();
            row[first + pivot..].iter_mut().for_each(|x| *x *= inverse);
            for below in pivot + 1..TILE {
                let target = &mut lower[(below - pivot - 1) * stride..][..stride];
                let multiplier = -row[first + below];
                add_scaled_simd(simd, &mut target[first..], multiplier, &row[first..]);
            }
        }
        first += TILE;
    }
}

/// Solves `UᵀU x = b` in place, `U` from [`factorize_simd`].
#[inline(always)]
pub fn solve_simd<S: Simd>(simd: S, u: &[f32], stride: usize, b: &mut [f32]) {
    for i in 0..stride {
        let row = &u[i * stride..(i + 1) * stride];
        let value = b[i] / row[i];
        b[i] = value;
        add_scaled_simd(simd, &mut b[i + 1..stride], -value, &row[i + 1..]);
    }
    for i in (0..stride).rev() {
        let row = &u[i * stride..(i + 1) * stride];
        b[i] = (b[i] - dot_simd(simd, &row[i + 1..], &b[i + 1..stride])) / row[i];
    }
}

struct Solve<'a>(&'a mut [f32], usize, &'a mut [f32]);

impl WithSimd for Solve<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        factorize_simd(simd, self.0, self.1);
        solve_simd(simd, self.0, self.1, self.2);
    }
}

/// Solves `A x = b` in place for the matrix whose upper triangle is in `a`, which is overwritten.
pub fn solve(a: &mut [f32], stride: usize, b: &mut [f32]) {
    pulp::Arch::new().dispatch(Solve(a, stride, b));
}

/// `W = L⁻¹` of `A = L Lᵀ` (n × n, row-major, lower triangle; the upper one of the result is zero), so that
/// ‖W v‖² = vᵀA⁻¹v. In `f64` and plain, n³/3 multiply-adds: for matrices of which there are few. Pivots
/// below `least[i]`, which rounding leaves where columns depend on each other, are raised to it.
pub fn inverse_factor(a: &[f64], n: usize, least: &[f64]) -> Vec<f64> {
    let (mut lower, mut inverse) = (vec![0.0; n * n], vec![0.0; n * n]);
    let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    for i in 0..n {
        for j in 0..=i {
            let rest = a[i * n + j] - sum(&lower[i * n..][..j], &lower[j * n..][..j]);
            lower[i * n + j] = if i == j { rest.max(least[i]).sqrt() } else { rest / lower[j * n + j] };
        }
        for j in 0..=i {
            let known: f64 = (j..i).map(|k| lower[i * n + k] * inverse[k * n + j]).sum();
            inverse[i * n + j] = (if i == j { 1.0 } else { 0.0 } - known) / lower[i * n + i];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::rank_update::add_rank_update;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn solve_inverts_the_matrix(tiles in 1usize..5, seed in any::<u64>()) {
            let n = tiles * TILE;
            let value = |i: usize| (crate::seed::mix(seed ^ i as u64) >> 40) as f32 / (1 << 24) as f32 - 0.5;
            let rows: Vec<f32> = (0..2 * n * n).map(value).collect();
            let mut a = vec![0.0; n * n];
            add_rank_update(&mut a, &rows, n);
            (0..n).for_each(|i| a[i * n + i] += 1.0);
            let expected: Vec<f32> = (0..n).map(|i| value(i + 7)).collect();
            let mut b = vec![0.0; n];
            for i in 0..n {
                for j in 0..n {
                    b[i] += a[i.min(j) * n + i.max(j)] * expected[j];
                }
            }
            solve(&mut a, n, &mut b);
            for i in 0..n {
                prop_assert!((b[i] - expected[i]).abs() < 1e-3, "{} {}", b[i], expected[i]);
            }
        }
    }

    #[test]
    fn the_inverse_factor_whitens_its_matrix() {
        let a = [4.0, 2.0, -2.0, 2.0, 10.0, 5.0, -2.0, 5.0, 9.0];
        let w = inverse_factor(&a, 3, &[1e-9; 3]);
        for i in 0..3 {
            for j in 0..3 {
                // W A Wᵀ is the identity.
                let found: f64 = (0..9).map(|at| w[i * 3 + at / 3] * a[at] * w[j * 3 + at % 3]).sum();
                assert!((found - if i == j { 1.0 } else { 0.0 }).abs() < 1e-12, "{i} {j} {found}");
            }
        }
        // Of rank one: the second pivot is what is allowed at least.
        assert_eq!(inverse_factor(&[1.0, 1.0, 1.0, 1.0], 2, &[0.25; 2]), [1.0, 0.0, -2.0, 2.0]);
    }
}
