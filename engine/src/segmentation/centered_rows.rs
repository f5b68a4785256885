//! Rows prepared for distances by matrix products: ‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b.
//!
//! This formula cancels if rows are far from the origin and overflows if values are huge. The mean is therefore
//! subtracted from rows, and they are divided by a power of two, which is exact.

use crate::error::{EngineError, Result};
use crate::matrix::Matrix;
use crate::observer::Observer;
use rayon::prelude::*;

/// The number of rows between two checks for cancellation.
pub(super) const BLOCK_ROWS: usize = 1_024;

/// Rows minus their mean, in a unit that brings every value into −1 … 1.
#[derive(Debug)]
pub(super) struct CenteredRows {
    /// n × k: `(row − mean) / unit`.
    pub points: Matrix,
    /// ½‖point‖² of each row.
    pub half_norms: Vec<f32>,
    /// The unit, a power of two.
    pub unit: f64,
}

/// Checks that all values are finite.
///
/// # Errors
/// [`EngineError::NotFinite`] if a value is infinite or NaN.
pub(super) fn check_finite(points: &Matrix) -> Result<()> {
    match points.data().iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(EngineError::NotFinite { what: "the rows to divide" }),
    }
}

/// The smallest power of two that is at least `largest`; 1 if that is zero.
pub(super) fn power_of_two_above(largest: f64) -> f64 {
    if largest > 0.0 { largest.log2().ceil().exp2() } else { 1.0 }
}

impl CenteredRows {
    /// Centers and scales rows of finite values, in a small multiple of n·k flops.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn new(points: &Matrix, observer: &dyn Observer) -> Result<Self> {
        let (rows, columns) = (points.rows(), points.columns().max(1));
        let mut sums = vec![0.0f64; columns];
        let (mut least, mut most) = (vec![f32::INFINITY; columns], vec![f32::NEG_INFINITY; columns]);
        for block in points.data().chunks(BLOCK_ROWS * columns) {
            observer.check()?;
            for row in block.chunks(columns) {
                sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
                least.iter_mut().zip(row).for_each(|(least, &x)| *least = least.min(x));
                most.iter_mut().zip(row).for_each(|(most, &x)| *most = most.max(x));
            }
        }
        let mean: Vec<f64> = sums.iter().map(|sum| sum / rows.max(1) as f64).collect();
        let bounds = mean.iter().zip(least.iter().zip(&most));
        let reach =
            bounds.map(|(mean, (&least, &most))| (f64::from(most) - mean).max(mean - f64::from(least)));
        let unit = power_of_two_above(reach.fold(0.0, f64::max));
        let mut moved = Matrix::zeros(rows, points.columns());
        let mut half_norms = vec![0.0; rows];
        let blocks = points.data().par_chunks(BLOCK_ROWS * columns);
        let to =
            moved.data_mut().par_chunks_mut(BLOCK_ROWS * columns).zip(half_norms.par_chunks_mut(BLOCK_ROWS));
        blocks.zip(to).try_for_each(|(block, (moved, half_norms))| {
            observer.check()?;
            for ((row, to), norm) in block.chunks(columns).zip(moved.chunks_mut(columns)).zip(half_norms) {
                for ((to, &x), mean) in to.iter_mut().zip(row).zip(&mean) {
                    *to = ((f64::from(x) - mean) / unit) as f32;
                }
                *norm = half_norm(to);
            }
            Ok(())
        })?;
        Ok(Self { points: moved, half_norms, unit })
    }
}

/// ½‖a‖², summed in `f64`.
pub(super) fn half_norm(a: &[f32]) -> f32 {
    (a.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / 2.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn rows_lie_around_their_mean_within_one() {
        for size in [f32::MAX, 1.0, 1e-40] {
            let points =
                Matrix::from_data(2, [1.0, 0.9, 0.0, 0.9, 0.5, 0.9].map(|x: f32| x * size).into()).unwrap();
            let centered = CenteredRows::new(&points, &Silent).unwrap();
            let expected = [0.5, 0.0, -0.5, 0.0, 0.0, 0.0].map(|x| x * f64::from(size) / centered.unit);
            for (&value, expected) in centered.points.data().iter().zip(expected) {
                assert!((f64::from(value) - expected).abs() < 1e-4 && value.abs() <= 1.0, "{centered:?}");
            }
            assert!(centered.points.data()[0] > 0.45 && centered.half_norms[0] > 0.1, "{centered:?}");
        }
    }
}
