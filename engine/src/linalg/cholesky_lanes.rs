//! Cholesky solves of as many small systems at once as a register has lanes: system l is in lane l of every register.
//! All of them together take n³/6 multiply-adds of whole registers and a single chain of square roots, whose latency
//! dominates if a small system is solved alone.

use pulp::Simd;

/// The largest system that is solved in lanes. Sixteen larger ones (n² × 64 bytes) would not leave room in the L2
/// cache. In `benches` (`sweep`), 24 to 64 made no difference.
pub const MOST: usize = 48;

/// The number of registers per row of the systems in [`solve_lanes`].
#[inline(always)]
pub const fn width(n: usize) -> usize {
    n.next_multiple_of(4) + 1
}

/// Solves `A x = b` in every lane; the systems are n × n with even n. Row i of the upper triangles of A begins at
/// register `i · width(n)`. The last register of the row holds b on input and x on output. The unknowns of pivots that
/// are not positive become zero, as in [`super::cholesky`].
#[inline(always)]
pub fn solve_lanes<S: Simd>(simd: S, systems: &mut [f32], n: usize) {
    let width = width(n);
    let last = width - 1;
    let systems = &mut S::as_mut_simd_f32s(systems).0[..n * width];
    let inverse_root = |pivot: S::f32s| {
        // 1 if the pivot is positive, else 0.
        let huge = simd.mul_f32s(simd.max_f32s(pivot, simd.splat_f32s(0.0)), simd.splat_f32s(f32::MAX));
        let known = simd.min_f32s(huge, simd.splat_f32s(1.0));
        let pivot = simd.max_f32s(pivot, simd.splat_f32s(f32::MIN_POSITIVE));
        simd.div_f32s(known, simd.sqrt_f32s(pivot))
    };
    // A = UᵀU by pairs of rows, with b as an additional column. The diagonal holds reciprocals.
    for i in (0..n).step_by(2) {
        let (above, below) = systems.split_at_mut(i * width);
        let (upper, lower) = below.split_at_mut(width);
        let [[first, beside], [_, second]] = rest::<S, 2>(simd, above, width, i, i, upper, lower);
        let first = inverse_root(first);
        let beside = simd.mul_f32s(beside, first);
        let second = inverse_root(simd.negate_mul_add_e_f32s(beside, beside, second));
        (upper[i], upper[i + 1], lower[i + 1]) = (first, beside, second);
        let mut j = i + 2;
        while j + 4 <= n {
            columns::<S, 4>(simd, above, width, i, j, upper, lower, [first, beside, second]);
            j += 4;
        }
        if j < n {
            columns::<S, 2>(simd, above, width, i, j, upper, lower, [first, beside, second]);
        }
        columns::<S, 1>(simd, above, width, i, last, upper, lower, [first, beside, second]);
    }
    for i in (0..n).rev() {
        let (upper, below) = systems.split_at_mut((i + 1) * width);
        let row = &mut upper[i * width..];
        let mut sum = row[last];
        for (row_below, &value) in below.chunks_exact(width).zip(&row[i + 1..n]) {
            sum = simd.negate_mul_add_e_f32s(value, row_below[last], sum);
        }
        row[last] = simd.mul_f32s(sum, row[i]);
    }
}

/// Two rows of A in `WIDTH` columns, less the contribution of the rows above.
#[inline(always)]
fn rest<S: Simd, const WIDTH: usize>(
    simd: S,
    above: &[S::f32s],
    width: usize,
    i: usize,
    j: usize,
    upper: &[S::f32s],
    lower: &[S::f32s],
) -> [[S::f32s; WIDTH]; 2] {
    let mut sums: [[S::f32s; WIDTH]; 2] =
        [std::array::from_fn(|column| upper[j + column]), std::array::from_fn(|column| lower[j + column])];
    for row in above.chunks_exact(width) {
        let (rows, columns) = (&row[i..i + 2], &row[j..j + WIDTH]);
        for column in 0..WIDTH {
            sums[0][column] = simd.negate_mul_add_e_f32s(rows[0], columns[column], sums[0][column]);
            sums[1][column] = simd.negate_mul_add_e_f32s(rows[1], columns[column], sums[1][column]);
        }
    }
    sums
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn columns<S: Simd, const WIDTH: usize>(
    simd: S,
    above: &[S::f32s],
    width: usize,
    i: usize,
    j: usize,
    upper: &mut [S::f32s],
    lower: &mut [S::f32s],
    [first, beside, second]: [S::f32s; 3],
) {
    let sums = rest::<S, WIDTH>(simd, above, width, i, j, upper, lower);
    for column in 0..WIDTH {
        let value = simd.mul_f32s(sums[0][column], first);
        upper[j + column] = value;
        let value = simd.negate_mul_add_e_f32s(beside, value, sums[1][column]);
        lower[j + column] = simd.mul_f32s(value, second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulp::WithSimd;

    /// Solves a system in each lane; gives them as (A, b, x).
    struct Lanes {
        n: usize,
        seed: u64,
    }

    impl WithSimd for Lanes {
        type Output = Vec<(Vec<f32>, Vec<f32>, Vec<f32>)>;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let (n, lanes, width) = (self.n, S::F32_LANES, width(self.n));
            let value = |i: usize| (crate::seed::mix(self.seed ^ i as u64) >> 40) as f32 / (1 << 24) as f32;
            // What is below the diagonal and between columns is never read.
            let mut systems = vec![f32::NAN; n * width * lanes];
            let mut solved = Vec::new();
            for lane in 0..lanes {
                // The sum of a row of the others is below 1: positive definite.
                let a: Vec<f32> = (0..n * n)
                    .map(|at| {
                        let (i, j) = (at / n, at % n);
                        let pair = value(lane * n * n + i.min(j) * n + i.max(j));
                        if i == j { 1.0 + pair } else { pair / n as f32 }
                    })
                    .collect();
                let b: Vec<f32> = (0..n).map(|i| value(i + 3 * lane) - 0.5).collect();
                for i in 0..n {
                    (i..n).for_each(|j| systems[(i * width + j) * lanes + lane] = a[i * n + j]);
                    systems[((i + 1) * width - 1) * lanes + lane] = b[i];
                }
                solved.push((a, b, Vec::new()));
            }
            solve_lanes(simd, &mut systems, n);
            for (lane, (_, _, x)) in solved.iter_mut().enumerate() {
                x.extend((0..n).map(|i| systems[((i + 1) * width - 1) * lanes + lane]));
            }
            solved
        }
    }

    proptest! {
        #[test]
        fn every_lane_solves_its_system(half in 1usize..25, seed in any::<u64>()) {
            let n = 2 * half;
            for (a, b, x) in pulp::Arch::new().dispatch(Lanes { n, seed }) {
                for i in 0..n {
                    let found: f32 = (0..n).map(|j| a[i * n + j] * x[j]).sum();
                    prop_assert!((found - b[i]).abs() < 1e-4, "{i}: {found} {}", b[i]);
                }
            }
        }
    }
}
