//! Gramians `XᵀX` of tall factor matrices, computed in parallel.

use super::padded;
use super::rank_update::rank_update_simd;
use crate::matrix::Matrix;
use crate::observer::{Observer, Silent};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// The maximum number of partial Gramians held at once.
const PARTS: usize = 64;
/// The minimum number of rows per part; with fewer, the k × k result costs as much as the rows.
const PART_ROWS: usize = 512;
/// Rows summed in `f32` before the sum is added in `f64`.
const BLOCK_ROWS: usize = 256;

struct Part<'a> {
    rows: &'a [f32],
    columns: usize,
    observer: &'a dyn Observer,
}

impl WithSimd for Part<'_> {
    type Output = Vec<f64>;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f64> {
        let k = self.columns;
        let stride = padded(k);
        let mut total = vec![0.0; k * k];
        let mut block = vec![0.0; stride * stride];
        let mut rows = vec![0.0; BLOCK_ROWS * stride];
        for chunk in self.rows.chunks(BLOCK_ROWS * k) {
            if self.observer.is_cancelled() {
                break;
            }
            let count = chunk.len() / k;
            for (target, source) in rows.chunks_exact_mut(stride).zip(chunk.chunks_exact(k)) {
                target[..k].copy_from_slice(source);
            }
            block.fill(0.0);
            rank_update_simd::<S, true>(simd, &mut block, &rows[..count * stride], stride, 0, stride);
            for i in 0..k {
                for j in i..k {
                    total[i * k + j] += f64::from(block[i * stride + j]);
                }
            }
        }
        total
    }
}

/// `XᵀX` (k × k, both triangles, row-major) of the `n × k` matrix `x`; takes n·k²/2 multiply-adds.
///
/// The parts depend only on the number of rows and are added in order, so the result is the same for any number of
/// threads.
pub fn gram(x: &Matrix) -> Vec<f64> {
    observed_gram(x, &Silent)
}

/// Like [`gram()`], but stops early if `observer` requests cancellation; the caller must then discard the result.
pub fn observed_gram(x: &Matrix, observer: &dyn Observer) -> Vec<f64> {
    let k = x.columns();
    let mut total = vec![0.0; k * k];
    if k == 0 || x.rows() == 0 {
        return total;
    }
    let part_rows = x.rows().div_ceil(PARTS).max(PART_ROWS);
    let arch = pulp::Arch::new();
    let parts: Vec<Vec<f64>> = x
        .data()
        .par_chunks(part_rows * k)
        .map(|rows| arch.dispatch(Part { rows, columns: k, observer }))
        .collect();
    for part in parts {
        total.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    for i in 0..k {
        for j in 0..i {
            total[i * k + j] = total[j * k + i];
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gram_agrees_with_the_plain_sum_and_does_not_depend_on_threads() {
        let k = 21;
        let data: Vec<f32> =
            (0..3000 * k).map(|i| (crate::seed::mix(i as u64) >> 40) as f32 / 1e7 - 0.8).collect();
        let x = Matrix::from_data(k, data).unwrap();
        let fast = gram(&x);
        for i in 0..k {
            for j in 0..k {
                let plain: f64 = (0..x.rows()).map(|r| f64::from(x.row(r)[i]) * f64::from(x.row(r)[j])).sum();
                assert!((fast[i * k + j] - plain).abs() < 1e-3 * plain.abs().max(1.0));
            }
        }
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| gram(&x)), fast);
        }
    }
}
