//! Rows prepared for distances by matrix products: ‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b.
//!
//! The formula cancels where rows are far from the origin and overflows where values are huge, so
//! rows are moved to their mean and divided by a power of two, which changes no digit.

use crate::error::{EngineError, Result};
use crate::matrix::Matrix;

/// Rows around their mean, in a unit that brings every value into −1 … 1.
pub(super) struct Centred {
    /// n × k: `(row − mean) / unit`.
    pub points: Matrix,
    /// ½‖point‖² of every row.
    pub half_norms: Vec<f32>,
    /// A power of two.
    pub unit: f64,
}

/// Refuses values that are infinite or not a number.
///
/// # Errors
/// [`EngineError::NotFinite`].
pub(super) fn check_finite(points: &Matrix) -> Result<()> {
    match points.data().iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(EngineError::NotFinite { what: "the rows to divide" }),
    }
}

/// The least power of two that is not below `largest`; 1 for zero.
pub(super) fn power_of_two_above(largest: f64) -> f64 {
    if largest > 0.0 { largest.log2().ceil().exp2() } else { 1.0 }
}

impl Centred {
    /// Prepares rows of finite values; a few times n·k flops.
    pub fn new(points: &Matrix) -> Self {
        let (rows, columns) = (points.rows(), points.columns());
        let mut mean = vec![0.0f64; columns];
        for row in 0..rows {
            mean.iter_mut().zip(points.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        mean.iter_mut().for_each(|sum| *sum /= rows as f64);
        let centred = |row: usize| points.row(row).iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean);
        let largest = (0..rows).flat_map(centred).fold(0.0f64, |largest, x| largest.max(x.abs()));
        let unit = power_of_two_above(largest);
        let mut moved = Matrix::zeros(rows, columns);
        for row in 0..rows {
            moved.row_mut(row).iter_mut().zip(centred(row)).for_each(|(to, x)| *to = (x / unit) as f32);
        }
        let half_norms = (0..rows).map(|row| half_norm(moved.row(row))).collect();
        Self { points: moved, half_norms, unit }
    }
}

/// ½‖a‖², summed in `f64`.
pub(super) fn half_norm(a: &[f32]) -> f32 {
    (a.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / 2.0) as f32
}
