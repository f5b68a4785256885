//! `Z Zᵀ`: the products of all pairs of rows, in register tiles.
//!
//! Rows are read without transposition: the sums of a tile run along the rows, and at the end the lanes of all its
//! registers are reduced into one register of products. A matrix of n rows takes n²/2 products, without the overhead of
//! whole column tiles ([`super::rank_update`]).

use pulp::Simd;

/// The number of rows must be a multiple of this.
pub const ROWS: usize = 4;

/// Passes the products of rows i and j ≥ i to `place` in tiles of four columns: `place(i, j, products)` receives those
/// of row i with rows `j..j + 4`, some of which are below the diagonal. `z` holds whole rows of `stride` values;
/// `stride` must be a multiple of [`super::TILE`], the number of rows of [`ROWS`].
#[inline(always)]
pub fn row_products_simd<S: Simd>(
    simd: S,
    z: &[f32],
    stride: usize,
    place: impl FnMut(usize, usize, &[f32]),
) {
    // One sum per lane of a register.
    match S::F32_LANES {
        16 => tiles::<S, 4>(simd, z, stride, place),
        8 => tiles::<S, 2>(simd, z, stride, place),
        4 => tiles::<S, 1>(simd, z, stride, place),
        _ => plain(z, stride, place),
    }
}

#[inline(always)]
fn tiles<S: Simd, const HEIGHT: usize>(
    simd: S,
    z: &[f32],
    stride: usize,
    mut place: impl FnMut(usize, usize, &[f32]),
) {
    let vectors = stride / S::F32_LANES;
    let row = |row: usize| &S::as_simd_f32s(&z[row * stride..(row + 1) * stride]).0[..vectors];
    let merge = Merge::new(simd);
    let rows = z.len() / stride;
    let mut products = [0.0; 16];
    for top in (0..rows).step_by(HEIGHT) {
        let above: [&[S::f32s]; HEIGHT] = std::array::from_fn(|offset| row(top + offset));
        for left in (top / ROWS * ROWS..rows).step_by(ROWS) {
            let beside: [&[S::f32s]; ROWS] = std::array::from_fn(|offset| row(left + offset));
            let mut sums = [[simd.splat_f32s(0.0); ROWS]; HEIGHT];
            for d in 0..vectors {
                let columns = [beside[0][d], beside[1][d], beside[2][d], beside[3][d]];
                for (sums, above) in sums.iter_mut().zip(&above) {
                    for (sum, &column) in sums.iter_mut().zip(&columns) {
                        *sum = simd.mul_add_e_f32s(above[d], column, *sum);
                    }
                }
            }
            let sum = match HEIGHT {
                4 => merge.sixteen([sums[0], sums[1 % HEIGHT], sums[2 % HEIGHT], sums[3 % HEIGHT]]),
                2 => merge.eight(0, [sums[0], sums[1 % HEIGHT]]),
                _ => merge.four(0, sums[0]),
            };
            S::as_mut_simd_f32s(&mut products).0[0] = sum;
            for (offset, products) in products.chunks_exact(ROWS).take(HEIGHT).enumerate() {
                place(top + offset, left, products);
            }
        }
    }
}

/// Reduces as many registers as a register has lanes: lane n of the result is the sum of the lanes of register n.
struct Merge<S: Simd> {
    simd: S,
    /// For each level, the lanes that belong to the first register of a pair.
    first: [S::m32s; 4],
}

impl<S: Simd> Merge<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        let lanes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let lanes = S::as_simd_u32s(&lanes).0[0];
        let (zero, one) = (simd.splat_u32s(0), simd.splat_u32s(1));
        let mut first = [simd.less_than_u32s(zero, one); 4];
        for (level, first) in first.iter_mut().enumerate() {
            *first = simd.less_than_u32s(simd.and_u32s(lanes, simd.splat_u32s(1 << level)), one);
        }
        Self { simd, first }
    }

    /// Merges two registers into one: lanes whose bit `level` is 0 hold partial sums of `a`, the others of `b`. Levels
    /// must be applied from 0 on; the rotation wraps around, but keeps the lower bits and so adds only sums of the same
    /// register.
    #[inline(always)]
    fn two(&self, level: usize, a: S::f32s, b: S::f32s) -> S::f32s {
        let kept = self.simd.select_f32s(self.first[level], a, b);
        let moved = self.simd.select_f32s(self.first[level], b, a);
        self.simd.add_f32s(kept, self.simd.rotate_left_f32s(moved, 1 << level))
    }

    #[inline(always)]
    fn four(&self, level: usize, v: [S::f32s; 4]) -> S::f32s {
        let pairs = [self.two(level, v[0], v[1]), self.two(level, v[2], v[3])];
        self.two(level + 1, pairs[0], pairs[1])
    }

    // Written out, because closures would not be inlined into the vectorized operation.
    #[inline(always)]
    fn eight(&self, level: usize, v: [[S::f32s; 4]; 2]) -> S::f32s {
        let [[a, b, c, d], [e, f, g, h]] = v;
        let pairs =
            [self.two(level, a, b), self.two(level, c, d), self.two(level, e, f), self.two(level, g, h)];
        self.four(level + 1, pairs)
    }

    #[inline(always)]
    fn sixteen(&self, v: [[S::f32s; 4]; 4]) -> S::f32s {
        let mut pairs = [[self.simd.splat_f32s(0.0); 4]; 2];
        for half in 0..2 {
            let [[a, b, c, d], [e, f, g, h]] = [v[2 * half], v[2 * half + 1]];
            pairs[half] = [self.two(0, a, b), self.two(0, c, d), self.two(0, e, f), self.two(0, g, h)];
        }
        self.eight(1, pairs)
    }
}

/// The scalar form, for processors without SIMD and for tests.
fn plain(z: &[f32], stride: usize, mut place: impl FnMut(usize, usize, &[f32])) {
    let rows: Vec<&[f32]> = z.chunks_exact(stride).collect();
    for (i, a) in rows.iter().enumerate() {
        for left in (i / ROWS * ROWS..rows.len()).step_by(ROWS) {
            let product = |j: usize| a.iter().zip(rows[left + j]).map(|(x, y)| x * y).sum();
            let products: [f32; ROWS] = std::array::from_fn(product);
            place(i, left, &products);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::TILE;
    use proptest::prelude::*;
    use pulp::WithSimd;

    struct Products<'a>(&'a [f32], usize, &'a mut [f32]);

    impl WithSimd for Products<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let rows = self.0.len() / self.1;
            row_products_simd(simd, self.0, self.1, |i, j, products| {
                self.2[i * rows + j..][..ROWS].copy_from_slice(products);
            });
        }
    }

    proptest! {
        #[test]
        fn tiles_agree_with_the_plain_form(tiles in 1usize..6, fours in 1usize..8, seed in any::<u64>()) {
            let (stride, rows) = (tiles * TILE, fours * ROWS);
            let value = |i: usize| (crate::seed::mix(seed ^ i as u64) >> 40) as f32 / (1 << 24) as f32 - 0.5;
            let z: Vec<f32> = (0..rows * stride).map(value).collect();
            let mut fast = vec![0.0; rows * rows];
            let mut slow = fast.clone();
            pulp::Arch::new().dispatch(Products(&z, stride, &mut fast));
            plain(&z, stride, |i, j, products| slow[i * rows + j..][..ROWS].copy_from_slice(products));
            for i in 0..rows {
                for j in i..rows {
                    prop_assert!((fast[i * rows + j] - slow[i * rows + j]).abs() < 1e-4, "{i} {j}");
                }
            }
        }
    }
}
