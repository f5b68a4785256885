//! Column-wise operations on tall matrices, for conjugate gradients. The blocks of rows depend only on the number of
//! rows, so results do not depend on the number of threads.

use crate::matrix::Matrix;
use rayon::prelude::*;
use std::ops::Range;

/// Rows per partial sum; partial sums are added in order.
const SUM_ROWS: usize = 1024;

/// The quotients a/b; 0 where b is 0, so that a converged column stays unchanged.
pub(super) fn ratios(a: &[f64], b: &[f64]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| if *b > 0.0 { (a / b) as f32 } else { 0.0 }).collect()
}

/// The column-wise dot products `Σ_row a∘b`.
pub(super) fn products(a: &Matrix, b: &Matrix) -> Vec<f64> {
    column_sums(a, 0..a.rows(), |row, column, value| f64::from(value) * f64::from(b.row(row)[column]))
}

/// The sum over rows of `term(row, column, value)`, for each column.
pub(super) fn column_sums(
    matrix: &Matrix,
    rows: Range<usize>,
    term: impl Fn(usize, usize, f32) -> f64 + Sync,
) -> Vec<f64> {
    let width = matrix.columns();
    let blocks: Vec<Vec<f64>> = (0..rows.len().div_ceil(SUM_ROWS))
        .into_par_iter()
        .map(|block| {
            let mut sums = vec![0.0; width];
            let first = rows.start + block * SUM_ROWS;
            for row in first..(first + SUM_ROWS).min(rows.end) {
                let values = matrix.row(row).iter().enumerate();
                sums.iter_mut().zip(values).for_each(|(sum, (column, &x))| *sum += term(row, column, x));
            }
            sums
        })
        .collect();
    let mut total = vec![0.0; width];
    for block in blocks {
        total.iter_mut().zip(block).for_each(|(total, sum)| *total += sum);
    }
    total
}

/// Updates every value: `a ← change(column, a, b)`.
pub(super) fn update(a: &mut Matrix, b: &Matrix, change: impl Fn(usize, f32, f32) -> f32 + Sync) {
    let width = a.columns();
    let blocks = a.data_mut().par_chunks_mut(SUM_ROWS * width).zip(b.data().par_chunks(SUM_ROWS * width));
    blocks.for_each(|(a, b)| {
        for (a, b) in a.chunks_mut(width).zip(b.chunks(width)) {
            for (column, (a, &b)) in a.iter_mut().zip(b).enumerate() {
                *a = change(column, *a, b);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_rows_that_are_named() {
        let rows = 3_000;
        let matrix = Matrix::from_data(2, (0..2 * rows).map(|at| at as f32).collect()).unwrap();
        let sums = column_sums(&matrix, 10..2_500, |row, column, value| {
            assert_eq!(value, (2 * row + column) as f32);
            f64::from(value)
        });
        let plain = |column: usize| (10..2_500).map(|row| (2 * row + column) as f64).sum::<f64>();
        assert_eq!(sums, [plain(0), plain(1)]);
        assert_eq!(products(&matrix.select(&[1, 2]), &matrix.select(&[3, 0])), [12.0, 26.0]);
        assert_eq!(ratios(&[3.0, 5.0], &[2.0, 0.0]), [1.5, 0.0]);
    }

    #[test]
    fn every_value_changes_as_its_column_says() {
        let rows = 2_500;
        let source = Matrix::from_data(2, (0..2 * rows).map(|at| at as f32).collect()).unwrap();
        let mut target = Matrix::zeros(rows, 2);
        update(&mut target, &source, |column, old, x| old + [1.0, -2.0][column] * x);
        assert!((0..rows).all(|row| target.row(row) == [(2 * row) as f32, -2.0 * (2 * row + 1) as f32]));
    }
}
