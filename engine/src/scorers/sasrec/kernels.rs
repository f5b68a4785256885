//! The arithmetic beside the matrix products: norms, softmax, dropout.
//!
//! Loops are plain, with sums in lanes, so that a `pulp` dispatch compiles them for the registers that there are; the
//! order of every sum is fixed, so that results do not depend on the processor.

use crate::seed::mix;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Simd, WithSimd};

/// Independent sums of a reduction: one AVX-512 register, or two of AVX2.
const LANES: usize = 16;
/// The variance to which the norms add this, as in the usual implementations.
const NORM_EPSILON: f32 = 1e-5;

/// `target = A B`, or `target += A B`. Takes 2·m·n·k flops, on the calling thread.
pub(super) fn multiply(target: MatMut<'_, f32>, add: bool, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
    matmul(target, if add { Accum::Add } else { Accum::Replace }, a, b, 1.0, Par::Seq);
}

/// Whole rows of `columns` values as a matrix.
pub(super) fn rows_of(data: &[f32], columns: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(data, data.len() / columns, columns)
}

/// Whole rows of `columns` values as a mutable matrix.
pub(super) fn rows_of_mut(data: &mut [f32], columns: usize) -> MatMut<'_, f32> {
    let rows = data.len() / columns;
    MatMut::from_row_major_slice_mut(data, rows, columns)
}

/// eˣ within 2 units of the last place for −87 ≤ x ≤ 88, and its value at the nearer end beyond (Cody and Waite 1980).
#[inline(always)]
fn exponential(x: f32) -> f32 {
    /// Adding it rounds to whole numbers, which then are the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    let mut series = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        series = series * rest + coefficient;
    }
    let power = series * rest * rest + rest + 1.0;
    f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[inline(always)]
pub(super) fn sum_of_products(a: &[f32], b: &[f32]) -> f32 {
    let (a_body, a_tail) = a.as_chunks::<LANES>();
    let (b_body, b_tail) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, y) in a_body.iter().zip(b_body) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + tail
}

#[inline(always)]
pub(super) fn sum(a: &[f32]) -> f32 {
    let (body, tail) = a.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for x in body {
        for lane in 0..LANES {
            sums[lane] += x[lane];
        }
    }
    sums.iter().sum::<f32>() + tail.iter().sum::<f32>()
}

#[inline(always)]
pub(super) fn largest(a: &[f32]) -> f32 {
    let larger = |x: f32, y: f32| if x > y { x } else { y };
    let (body, tail) = a.as_chunks::<LANES>();
    let mut most = [f32::NEG_INFINITY; LANES];
    for x in body {
        for lane in 0..LANES {
            most[lane] = larger(x[lane], most[lane]);
        }
    }
    most.iter().chain(tail).copied().fold(f32::NEG_INFINITY, larger)
}

/// Replaces `row` by e^(row − most), and returns the sum.
#[inline(always)]
pub(super) fn exponentials(row: &mut [f32], most: f32) -> f32 {
    row.iter_mut().for_each(|value| *value = exponential(*value - most));
    sum(row)
}

/// Subtracts the mean of each row and divides by its standard deviation, which gives `normed`; `out` is that times
/// `gain` plus `offset`. `inverses` receives the inverse standard deviations.
pub(super) struct Norm<'a> {
    pub rows: &'a [f32],
    pub gain: &'a [f32],
    pub offset: &'a [f32],
    pub normed: &'a mut [f32],
    pub inverses: &'a mut [f32],
    pub out: &'a mut [f32],
}

impl WithSimd for Norm<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.gain.len();
        let scale = (width as f32).recip();
        let outputs = self.normed.chunks_exact_mut(width).zip(self.out.chunks_exact_mut(width));
        for ((row, inverse), (normed, out)) in
            self.rows.chunks_exact(width).zip(self.inverses.iter_mut()).zip(outputs)
        {
            let mean = sum(row) * scale;
            normed.iter_mut().zip(row).for_each(|(normed, value)| *normed = value - mean);
            let deviation = (sum_of_products(normed, normed) * scale + NORM_EPSILON).sqrt();
            *inverse = deviation.recip();
            for column in 0..width {
                normed[column] *= *inverse;
                out[column] = normed[column] * self.gain[column] + self.offset[column];
            }
        }
    }
}

/// Adds the gradient by the rows that [`Norm`] read to `into`, given that by its output; adds those by gain and offset.
/// `scratch` is a row.
pub(super) struct NormGradient<'a> {
    pub by_out: &'a [f32],
    pub gain: &'a [f32],
    pub normed: &'a [f32],
    pub inverses: &'a [f32],
    pub by_gain: &'a mut [f32],
    pub by_offset: &'a mut [f32],
    pub into: &'a mut [f32],
    pub scratch: &'a mut [f32],
}

impl WithSimd for NormGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.gain.len();
        let scale = (width as f32).recip();
        let scratch = &mut self.scratch[..width];
        let inputs = self.by_out.chunks_exact(width).zip(self.normed.chunks_exact(width));
        for (((by_out, normed), inverse), into) in
            inputs.zip(self.inverses).zip(self.into.chunks_exact_mut(width))
        {
            for column in 0..width {
                self.by_gain[column] += by_out[column] * normed[column];
                self.by_offset[column] += by_out[column];
                scratch[column] = by_out[column] * self.gain[column];
            }
            let (mean, along) = (sum(scratch) * scale, sum_of_products(scratch, normed) * scale);
            for column in 0..width {
                into[column] += inverse * (scratch[column] - mean - normed[column] * along);
            }
        }
    }
}

/// Softmax of the rows of a window's scores, over the columns up to the row's own: no token sees a later one. `scale`
/// multiplies the scores.
pub(super) struct CausalSoftmax<'a> {
    pub scores: &'a mut [f32],
    pub columns: usize,
    pub scale: f32,
}

impl WithSimd for CausalSoftmax<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (place, row) in self.scores.chunks_exact_mut(self.columns).enumerate() {
            let (seen, later) = row.split_at_mut(place + 1);
            seen.iter_mut().for_each(|value| *value *= self.scale);
            let share = exponentials(seen, largest(seen)).recip();
            seen.iter_mut().for_each(|value| *value *= share);
            later.fill(0.0);
        }
    }
}

/// Turns the gradient by the shares that [`CausalSoftmax`] returned into that by the scores it read.
pub(super) struct CausalSoftmaxGradient<'a> {
    pub gradient: &'a mut [f32],
    pub shares: &'a [f32],
    pub columns: usize,
    pub scale: f32,
}

impl WithSimd for CausalSoftmaxGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.gradient.chunks_exact_mut(self.columns).zip(self.shares.chunks_exact(self.columns));
        for (gradient, shares) in rows {
            let mean = sum_of_products(gradient, shares);
            let values = gradient.iter_mut().zip(shares);
            values.for_each(|(gradient, share)| *gradient = share * (*gradient - mean) * self.scale);
        }
    }
}

/// The cross-entropy of one token: replaces its scores by the gradient times `weight`, and the score of a target that is
/// not among them likewise. Returns the loss.
pub(super) struct CrossEntropy<'a> {
    pub scores: &'a mut [f32],
    /// The place of the target among the scores, or its own score.
    pub target: std::result::Result<usize, &'a mut f32>,
    pub weight: f32,
}

impl WithSimd for CrossEntropy<'_> {
    type Output = f64;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { scores, target, weight } = self;
        let beside = match &target {
            Ok(_) => f32::NEG_INFINITY,
            Err(score) => **score,
        };
        let most = largest(scores).max(beside);
        let chosen = match &target {
            Ok(place) => scores[*place],
            Err(score) => **score,
        };
        let mut total = exponentials(scores, most);
        if let Err(score) = &target {
            total += exponential(**score - most);
        }
        let loss = f64::from(total).ln() - f64::from(chosen - most);
        let share = weight / total;
        scores.iter_mut().for_each(|value| *value *= share);
        match target {
            Ok(place) => scores[place] -= weight,
            Err(score) => *score = exponential(*score - most) * share - weight,
        }
        loss
    }
}

/// `target += source`, elementwise.
pub(super) struct AddRows<'a>(pub &'a mut [f32], pub &'a [f32]);

impl WithSimd for AddRows<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.iter_mut().zip(self.1).for_each(|(target, source)| *target += source);
    }
}

/// Adds the rows to one row: the gradient by a bias.
pub(super) struct ColumnSums<'a>(pub &'a mut [f32], pub &'a [f32]);

impl WithSimd for ColumnSums<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.1.chunks_exact(self.0.len()) {
            self.0.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
    }
}

/// Writes the factors of dropout: 0 with probability `rate`, else 1 / (1 − rate). They depend on `key` only; 16 bits
/// decide each, so that a rate is exact to 1/65,536.
pub(super) struct DropoutFactors<'a> {
    pub factors: &'a mut [f32],
    pub rate: f32,
    pub key: u64,
}

impl WithSimd for DropoutFactors<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let limit = (self.rate * 65_536.0) as u64;
        let kept = (1.0 - limit as f32 / 65_536.0).recip();
        for (place, four) in self.factors.chunks_mut(4).enumerate() {
            let mut bits = mix(self.key.wrapping_add(place as u64));
            for factor in four {
                *factor = if bits & 0xffff < limit { 0.0 } else { kept };
                bits >>= 16;
            }
        }
    }
}

/// Multiplies elementwise, where there are factors.
pub(super) struct Scale<'a>(pub &'a mut [f32], pub &'a [f32]);

impl WithSimd for Scale<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.iter_mut().zip(self.1).for_each(|(value, factor)| *value *= factor);
    }
}

/// Adds a bias to each row and sets negative values to zero.
pub(super) struct BiasAndRelu<'a>(pub &'a mut [f32], pub &'a [f32]);

impl WithSimd for BiasAndRelu<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.0.chunks_exact_mut(self.1.len()) {
            for (value, bias) in row.iter_mut().zip(self.1) {
                let sum = *value + bias;
                *value = if sum > 0.0 { sum } else { 0.0 };
            }
        }
    }
}

/// Sets the gradient to zero where [`BiasAndRelu`] returned zero.
pub(super) struct ReluGradient<'a>(pub &'a mut [f32], pub &'a [f32]);

impl WithSimd for ReluGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (gradient, &value) in self.0.iter_mut().zip(self.1) {
            *gradient = if value > 0.0 { *gradient } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_exact_to_a_few_units_of_the_last_place() {
        for step in -8_700..8_800 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exponential(x)) / exact - 1.0).abs() < 3e-7, "{x}");
        }
        assert!(exponential(f32::NEG_INFINITY) < 1e-37 && exponential(0.0) == 1.0);
    }

    #[test]
    fn dropout_keeps_the_share_and_the_mean() {
        let mut factors = vec![0.0; 100_000];
        pulp::Arch::new().dispatch(DropoutFactors { factors: &mut factors, rate: 0.2, key: 7 });
        let dropped = factors.iter().filter(|&&factor| factor == 0.0).count();
        assert!((19_500..20_500).contains(&dropped), "{dropped}");
        assert!((f64::from(factors.iter().sum::<f32>()) / 1e5 - 1.0).abs() < 0.01);
    }
}
