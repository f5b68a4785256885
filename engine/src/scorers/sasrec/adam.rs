//! Adam (Kingma and Ba 2015): steps scaled by running means of the gradient and of its square.

use crate::error::Result;
use crate::memory::filled;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// β₁: the share that the mean of the gradient keeps.
const MEAN_KEPT: f32 = 0.9;
/// β₂: the share that the mean of the squares keeps; less than the usual .999, as for other transformers.
const SQUARES_KEPT: f32 = 0.98;
/// ε, which bounds the step where the gradient has always been about zero.
const EPSILON: f32 = 1e-8;
/// Values of a part of a parallel step.
const PART: usize = 1 << 15;

/// The running means of a tensor.
#[derive(Clone, Debug)]
pub(super) struct Means {
    mean: Vec<f32>,
    squares: Vec<f32>,
}

/// What the steps of all tensors have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdamStep {
    /// The step size, times the correction of both means for their start at zero.
    rate: f32,
    /// ε times the same correction of the squares.
    epsilon: f32,
    /// What gradients are multiplied by.
    scale: f32,
}

impl AdamStep {
    /// Step `number`, from 1, with gradients multiplied by `scale`.
    pub fn new(number: usize, step_size: f32, scale: f32) -> Self {
        let left = |kept: f32| 1.0 - f64::from(kept).powf(number as f64);
        let squares = left(SQUARES_KEPT).sqrt();
        let rate = (f64::from(step_size) * squares / left(MEAN_KEPT)) as f32;
        Self { rate, epsilon: EPSILON * squares as f32, scale }
    }
}

impl Means {
    /// Those before the first step.
    ///
    /// # Errors
    /// [`crate::EngineError::NoMemory`].
    pub fn zeros(length: usize) -> Result<Self> {
        Ok(Self { mean: filled(0.0, length)?, squares: filled(0.0, length)? })
    }

    /// Changes all values. Reads 16 and writes 12 bytes for each.
    pub fn step(&mut self, step: AdamStep, values: &mut [f32], gradient: &[f32]) {
        let means = self.mean.par_chunks_mut(PART).zip(self.squares.par_chunks_mut(PART));
        let parts = values.par_chunks_mut(PART).zip(gradient.par_chunks(PART)).zip(means);
        parts.for_each(|((values, gradient), (mean, squares))| {
            Arch::new().dispatch(Update { step, values, gradient, mean, squares });
        });
    }

    /// Changes only the rows of `width` values that `rows` names; row r of the gradient belongs to row `rows[r]`. The
    /// means of other rows stay as they are, as in other implementations for sparse gradients.
    pub fn step_rows(
        &mut self,
        step: AdamStep,
        values: &mut [f32],
        width: usize,
        rows: &[u32],
        gradient: &[f32],
    ) {
        let arch = Arch::new();
        for (&row, gradient) in rows.iter().zip(gradient.chunks_exact(width)) {
            let place = row as usize * width..(row as usize + 1) * width;
            let (mean, squares) = (&mut self.mean[place.clone()], &mut self.squares[place.clone()]);
            arch.dispatch(Update { step, values: &mut values[place], gradient, mean, squares });
        }
    }
}

struct Update<'a> {
    step: AdamStep,
    values: &'a mut [f32],
    gradient: &'a [f32],
    mean: &'a mut [f32],
    squares: &'a mut [f32],
}

impl WithSimd for Update<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let AdamStep { rate, epsilon, scale } = self.step;
        let means = self.mean.iter_mut().zip(self.squares);
        for ((value, gradient), (mean, square)) in self.values.iter_mut().zip(self.gradient).zip(means) {
            let gradient = gradient * scale;
            *mean = MEAN_KEPT * *mean + (1.0 - MEAN_KEPT) * gradient;
            *square = SQUARES_KEPT * *square + (1.0 - SQUARES_KEPT) * gradient * gradient;
            *value -= rate * *mean / (square.sqrt() + epsilon);
        }
    }
}
