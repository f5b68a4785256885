//! `A ← A ± RᵀR` on the upper triangle, in register tiles.
//!
//! This kernel does nearly all the arithmetic of a training: the Gramian of the factors, the normal equations of a long
//! row (`R` holds the weighted factors of its entries), the small system of a short row (`R` holds their transpose) and
//! the trailing updates of Cholesky.
//!
//! A tile of `ROWS × 16` sums stays in registers while the rows of `R` are read: for each row of `R` it loads `ROWS +
//! 16` values and does `16 · ROWS` multiply-adds.

use super::TILE;
use pulp::{Simd, WithSimd};

/// Adds (`ADD`) or subtracts rows `first..last` of the upper triangle of `RᵀR`; row `first` is the first row of `a`.
///
/// `a` and `rows` have the same `stride`. `stride`, `first` and `last` must be multiples of [`TILE`]. Tiles on the
/// diagonal are computed in full, so up to 15 values left of the diagonal of a row change too; their contents are
/// unspecified.
#[inline(always)]
pub fn rank_update_simd<S: Simd, const ADD: bool>(
    simd: S,
    a: &mut [f32],
    rows: &[f32],
    stride: usize,
    first: usize,
    last: usize,
) {
    // 8×16 sums take half of the 32 registers of AVX-512, 4×16 half of the 16 of AVX2.
    match S::F32_LANES {
        16 => tiles::<S, ADD, 8, 1>(simd, a, rows, stride, first, last),
        8 => tiles::<S, ADD, 4, 2>(simd, a, rows, stride, first, last),
        4 => tiles::<S, ADD, 4, 4>(simd, a, rows, stride, first, last),
        _ => plain(a, rows, stride, first, last, if ADD { 1.0 } else { -1.0 }),
    }
}

#[inline(always)]
fn tiles<S: Simd, const ADD: bool, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    a: &mut [f32],
    rows: &[f32],
    stride: usize,
    first: usize,
    last: usize,
) {
    let mut top = first;
    while top < last {
        let mut left = top / TILE * TILE;
        while left < stride {
            let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
            for row in rows.chunks_exact(stride) {
                let columns = S::as_simd_f32s(&row[left..left + TILE]).0;
                let multipliers = &row[top..top + ROWS];
                for (sum, &multiplier) in sums.iter_mut().zip(multipliers) {
                    let multiplier = simd.splat_f32s(multiplier);
                    for vector in 0..VECTORS {
                        sum[vector] = simd.mul_add_e_f32s(multiplier, columns[vector], sum[vector]);
                    }
                }
            }
            for (offset, sum) in sums.iter().enumerate() {
                let start = (top - first + offset) * stride + left;
                let target = S::as_mut_simd_f32s(&mut a[start..start + TILE]).0;
                for vector in 0..VECTORS {
                    target[vector] = if ADD {
                        simd.add_f32s(target[vector], sum[vector])
                    } else {
                        simd.sub_f32s(target[vector], sum[vector])
                    };
                }
            }
            left += TILE;
        }
        top += ROWS;
    }
}

/// The scalar form, for processors without SIMD and for tests.
fn plain(a: &mut [f32], rows: &[f32], stride: usize, first: usize, last: usize, sign: f32) {
    for row in rows.chunks_exact(stride) {
        for i in first..last {
            for j in i..stride {
                a[(i - first) * stride + j] += sign * row[i] * row[j];
            }
        }
    }
}

struct Add<'a>(&'a mut [f32], &'a [f32], usize);

impl WithSimd for Add<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        rank_update_simd::<S, true>(simd, self.0, self.1, self.2, 0, self.2);
    }
}

/// `A += RᵀR` on the upper triangle of the `stride × stride` matrix `a`.
pub fn add_rank_update(a: &mut [f32], rows: &[f32], stride: usize) {
    pulp::Arch::new().dispatch(Add(a, rows, stride));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tiles_agree_with_the_plain_form(tiles in 1usize..5, count in 0usize..40, seed in any::<u64>()) {
            let stride = tiles * TILE;
            let value = |i: usize| (crate::seed::mix(seed ^ i as u64) >> 40) as f32 / (1 << 24) as f32 - 0.5;
            let rows: Vec<f32> = (0..count * stride).map(value).collect();
            let mut fast = vec![1.0; stride * stride];
            let mut slow = fast.clone();
            add_rank_update(&mut fast, &rows, stride);
            plain(&mut slow, &rows, stride, 0, stride, 1.0);
            for i in 0..stride {
                for j in i..stride {
                    prop_assert!((fast[i * stride + j] - slow[i * stride + j]).abs() < 1e-4);
                }
            }
        }
    }
}
