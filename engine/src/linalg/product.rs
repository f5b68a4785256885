//! Products for scoring: many rows by many items, or one row by many items.

use super::vector::dot_simd;
use crate::matrix::Rows;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Simd, WithSimd};

/// `scores = A Bᵀ`, where `a` has m rows of k values, `b` n rows, and `scores` m × n values. Takes 2·m·n·k flops, at
/// peak matrix speed from about 16 rows on. Runs on the calling thread.
pub fn scores(a: &[f32], b: &[f32], k: usize, scores: &mut [f32]) {
    if k == 0 || b.is_empty() {
        scores.fill(0.0);
        return;
    }
    let (m, n) = (a.len() / k, b.len() / k);
    matmul(
        MatMut::from_row_major_slice_mut(&mut scores[..m * n], m, n),
        Accum::Replace,
        MatRef::from_row_major_slice(a, m, k),
        MatRef::from_row_major_slice(b, n, k).transpose(),
        1.0,
        Par::Seq,
    );
}

struct RowScores<'a>(&'a [f32], Rows<'a>, &'a mut [f32]);

impl WithSimd for RowScores<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (row, score) in self.2.iter_mut().enumerate() {
            *score = dot_simd(simd, self.0, self.1.row(row));
        }
    }
}

/// `scores = B a` for one row `a` of k values; the cost is that of reading 4·n·k bytes once.
pub fn row_scores(a: &[f32], b: Rows<'_>, scores: &mut [f32]) {
    let rows = b.rows().min(scores.len());
    pulp::Arch::new().dispatch(RowScores(a, b, &mut scores[..rows]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    #[test]
    fn matrix_scores_agree_with_row_scores() {
        let k = 19;
        let value = |i: usize| (crate::seed::mix(i as u64) >> 40) as f32 / 1e7 - 0.8;
        let b = Matrix::from_data(k, (0..50 * k).map(value).collect()).unwrap();
        let a: Vec<f32> = (0..7 * k).map(|i| value(i + 99_999)).collect();
        let mut all = vec![0.0; 7 * 50];
        scores(&a, b.data(), k, &mut all);
        for (row, expected) in all.chunks(50).enumerate() {
            let mut one = vec![0.0; 50];
            row_scores(&a[row * k..(row + 1) * k], b.view(), &mut one);
            assert!(one.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-4));
        }
    }
}
