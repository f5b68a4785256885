//! Cholesky factorization `A = UᵀU` of small symmetric positive definite matrices, and solves.
//!
//! Left-looking in panels of [`TILE`] rows: [`super::rank_update`] subtracts the contribution of all rows above the
//! panel, then the diagonal block is factorized, then the columns beside it. Takes n³/6 multiply-adds.

use super::TILE;
use super::rank_update::rank_update_simd;
use super::vector::{add_scaled_simd, dot_simd};
use pulp::{Simd, WithSimd};

/// Factorizes the upper triangle of `a` (`stride × stride`, `stride` a multiple of [`TILE`]) in place; the diagonal
/// holds the reciprocals of U's. Callers add a ridge to the diagonal. If rounding of very large entries still leaves a
/// pivot that is not positive, the solution of its unknown is zero, which keeps all others finite.
#[inline(always)]
pub fn factorize_simd<S: Simd>(simd: S, a: &mut [f32], stride: usize) {
    for first in (0..stride).step_by(TILE) {
        let (above, panel) = a.split_at_mut(first * stride);
        let panel = &mut panel[..TILE * stride];
        rank_update_simd::<S, false>(simd, panel, above, stride, first, first + TILE);
        for pivot in 0..TILE {
            let (upper, lower) = panel.split_at_mut((pivot + 1) * stride);
            let row = &mut upper[pivot * stride + first..][..TILE];
            let known = row[pivot] > 0.0;
            let inverse = if known { row[pivot].max(f32::MIN_POSITIVE).sqrt().recip() } else { 0.0 };
            row.iter_mut().for_each(|x| *x *= inverse);
            row[pivot] = inverse;
            for (below, target) in lower.chunks_exact_mut(stride).enumerate() {
                let multiplier = -row[pivot + 1 + below];
                add_scaled_simd(simd, &mut target[first..first + TILE], multiplier, row);
            }
        }
        let mut left = (first + TILE) / S::F32_LANES;
        let end = stride / S::F32_LANES;
        while left < end {
            match end - left {
                1 => beside::<S, 1>(simd, panel, stride, first, left),
                2 => beside::<S, 2>(simd, panel, stride, first, left),
                3 => beside::<S, 3>(simd, panel, stride, first, left),
                _ => beside::<S, 4>(simd, panel, stride, first, left),
            }
            left += 4;
        }
    }
}

/// Computes the columns of a panel in the registers `left..left + WIDTH`, beside the factorized diagonal block, by
/// subtracting from each row the contribution of those above it.
#[inline(always)]
fn beside<S: Simd, const WIDTH: usize>(simd: S, panel: &mut [f32], stride: usize, first: usize, left: usize) {
    for row in 0..TILE {
        let (above, below) = panel.split_at_mut(row * stride);
        let inverse = simd.splat_f32s(below[first + row]);
        let target = &mut S::as_mut_simd_f32s(&mut below[..stride]).0[left..left + WIDTH];
        let mut sums: [S::f32s; WIDTH] = std::array::from_fn(|column| target[column]);
        for above in above.chunks_exact(stride) {
            let multiplier = simd.splat_f32s(-above[first + row]);
            let columns = &S::as_simd_f32s(above).0[left..left + WIDTH];
            for (sum, &column) in sums.iter_mut().zip(columns) {
                *sum = simd.mul_add_e_f32s(multiplier, column, *sum);
            }
        }
        for (target, sum) in target.iter_mut().zip(sums) {
            *target = simd.mul_f32s(sum, inverse);
        }
    }
}

/// Solves `UᵀU x = b` in place, with `U` from [`factorize_simd`]. Returns `bᵀx`.
#[inline(always)]
pub fn solve_simd<S: Simd>(simd: S, u: &[f32], stride: usize, b: &mut [f32]) -> f32 {
    let b = &mut b[..stride];
    for first in (0..stride).step_by(TILE) {
        let (known, rest) = b.split_at_mut(first);
        let mut left = [0.0; TILE];
        left.copy_from_slice(&rest[..TILE]);
        for (row, &value) in u.chunks_exact(stride).zip(&*known) {
            add_scaled_simd(simd, &mut left, -value, &row[first..first + TILE]);
        }
        for (i, value) in rest[..TILE].iter_mut().enumerate() {
            let row = &u[(first + i) * stride + first..][..TILE];
            *value = left[i] * row[i];
            add_scaled_simd(simd, &mut left, -*value, row);
        }
    }
    let product = dot_simd(simd, b, b);
    for first in (0..stride).step_by(TILE).rev() {
        let (block, known) = b[first..].split_at_mut(TILE);
        let row = |i: usize| &u[(first + i) * stride + first..][..stride - first];
        for (i, value) in block.iter_mut().enumerate() {
            *value -= dot_simd(simd, &row(i)[TILE..], known);
        }
        for i in (0..TILE).rev() {
            let value = block[i] * row(i)[i];
            block[i] = value;
            for (j, above) in block[..i].iter_mut().enumerate() {
                *above -= row(j)[i] * value;
            }
        }
    }
    product
}

struct Factorize<'a>(&'a mut [f32], usize);

impl WithSimd for Factorize<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        factorize_simd(simd, self.0, self.1);
    }
}

/// [`factorize_simd`] of one system.
pub fn factorize(a: &mut [f32], stride: usize) {
    pulp::Arch::new().dispatch(Factorize(a, stride));
}

struct Solve<'a>(&'a [f32], usize, &'a mut [f32]);

impl WithSimd for Solve<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        solve_simd(simd, self.0, self.1, self.2);
    }
}

/// [`solve_simd`] of one right side.
pub fn solve(u: &[f32], stride: usize, b: &mut [f32]) {
    pulp::Arch::new().dispatch(Solve(u, stride, b));
}

/// `W = L⁻¹` of `A = L Lᵀ` (n × n, row-major, lower triangle; the upper triangle of the result is zero), so that
/// ‖W v‖² = vᵀA⁻¹v. Computed in `f64` without SIMD, in n³/3 multiply-adds, for use on a few matrices. Pivots below
/// `least[i]`, which occur if columns are linearly dependent, are raised to it.
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
    use pulp::WithSimd;

    struct Solve<'a>(&'a mut [f32], usize, &'a mut [f32]);

    impl WithSimd for Solve<'_> {
        type Output = f32;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            factorize_simd(simd, self.0, self.1);
            solve_simd(simd, self.0, self.1, self.2)
        }
    }

    /// Solves `A x = b` in place for the matrix whose upper triangle is in `a`, which is overwritten. Gives `bᵀx`.
    fn solve(a: &mut [f32], stride: usize, b: &mut [f32]) -> f32 {
        pulp::Arch::new().dispatch(Solve(a, stride, b))
    }

    proptest! {
        #[test]
        fn solve_inverts_the_matrix(tiles in 1usize..9, seed in any::<u64>()) {
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
            let right = b.clone();
            let product = solve(&mut a, n, &mut b);
            for i in 0..n {
                prop_assert!((b[i] - expected[i]).abs() < 1e-3, "{} {}", b[i], expected[i]);
            }
            let expected: f32 = right.iter().zip(&b).map(|(right, x)| right * x).sum();
            prop_assert!((product - expected).abs() < 1e-3 * expected, "{product} {expected}");
        }
    }

    #[test]
    fn an_unknown_that_rounding_left_nothing_of_is_zero_and_all_others_are_finite() {
        // Two unknowns whose rows are the same, but that rounding made the product of both a bit too large.
        let mut a = vec![0.0; TILE * TILE];
        (0..TILE).for_each(|i| a[i * TILE + i] = 1.0);
        (a[0], a[1], a[TILE + 1]) = (1e9, 1.000_001e9, 1e9);
        let mut b = vec![1.0; TILE];
        (b[0], b[1]) = (1e9, 1e9);
        solve(&mut a, TILE, &mut b);
        assert!((b[0] - 1.0).abs() < 1e-6 && b[1] == 0.0, "{b:?}");
        assert!(b[2..].iter().all(|&x| x == 1.0), "{b:?}");
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
