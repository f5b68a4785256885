//! Dot product, distances and scaled addition of `f32` slices.

use pulp::{Simd, WithSimd};

/// `Σ a_i b_i`, for use inside a vectorized operation.
#[inline(always)]
pub fn dot_simd<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    let (a_body, a_tail) = S::as_simd_f32s(a);
    let (b_body, b_tail) = S::as_simd_f32s(b);
    // Four independent accumulators hide the latency of the fused multiply-add.
    let mut sums = [simd.splat_f32s(0.0); 4];
    let (a_fours, a_rest) = a_body.as_chunks::<4>();
    let (b_fours, b_rest) = b_body.as_chunks::<4>();
    for (x, y) in a_fours.iter().zip(b_fours) {
        for lane in 0..4 {
            sums[lane] = simd.mul_add_e_f32s(x[lane], y[lane], sums[lane]);
        }
    }
    for (x, y) in a_rest.iter().zip(b_rest) {
        sums[0] = simd.mul_add_e_f32s(*x, *y, sums[0]);
    }
    let sum = simd.add_f32s(simd.add_f32s(sums[0], sums[1]), simd.add_f32s(sums[2], sums[3]));
    let mut total = simd.reduce_sum_f32s(sum);
    for (x, y) in a_tail.iter().zip(b_tail) {
        total += x * y;
    }
    total
}

/// `target += factor · source`, for use inside a vectorized operation.
#[inline(always)]
pub fn add_scaled_simd<S: Simd>(simd: S, target: &mut [f32], factor: f32, source: &[f32]) {
    let length = target.len().min(source.len());
    let (target_body, target_tail) = S::as_mut_simd_f32s(&mut target[..length]);
    let (source_body, source_tail) = S::as_simd_f32s(&source[..length]);
    let factors = simd.splat_f32s(factor);
    for (t, s) in target_body.iter_mut().zip(source_body) {
        *t = simd.mul_add_e_f32s(factors, *s, *t);
    }
    for (t, s) in target_tail.iter_mut().zip(source_tail) {
        *t += factor * s;
    }
}

struct Dot<'a>(&'a [f32], &'a [f32]);

impl WithSimd for Dot<'_> {
    type Output = f32;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        dot_simd(simd, self.0, self.1)
    }
}

/// `Σ a_i b_i` over the shorter length.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    pulp::Arch::new().dispatch(Dot(a, b))
}

struct SquaredDistance<'a>(&'a [f32], &'a [f32]);

impl WithSimd for SquaredDistance<'_> {
    type Output = f32;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let length = self.0.len().min(self.1.len());
        let (a_body, a_tail) = S::as_simd_f32s(&self.0[..length]);
        let (b_body, b_tail) = S::as_simd_f32s(&self.1[..length]);
        let mut sum = simd.splat_f32s(0.0);
        for (&x, &y) in a_body.iter().zip(b_body) {
            let difference = simd.sub_f32s(x, y);
            sum = simd.mul_add_e_f32s(difference, difference, sum);
        }
        let tail: f32 = a_tail.iter().zip(b_tail).map(|(x, y)| (x - y) * (x - y)).sum();
        simd.reduce_sum_f32s(sum) + tail
    }
}

/// `Σ (a_i − b_i)²` over the shorter length, computed from the differences to avoid cancellation.
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    pulp::Arch::new().dispatch(SquaredDistance(a, b))
}

/// The Euclidean norm, summed in `f64`.
pub fn norm(a: &[f32]) -> f32 {
    a.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt() as f32
}

/// Independent accumulators of a distance: two AVX-512 registers of `f64`, or four of AVX2.
const DISTANCE_LANES: usize = 16;

/// ‖a − b‖ over the shorter length, computed from differences in `f64` to avoid cancellation. The result is the same on
/// every processor; inside a `pulp` dispatch it uses the wide registers.
#[inline(always)]
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |x: f32, y: f32| (f64::from(x) - f64::from(y)) * (f64::from(x) - f64::from(y));
    let length = a.len().min(b.len());
    let (a_body, a_tail) = a[..length].as_chunks::<DISTANCE_LANES>();
    let (b_body, b_tail) = b[..length].as_chunks::<DISTANCE_LANES>();
    let mut sums = [0.0; DISTANCE_LANES];
    for (x, y) in a_body.iter().zip(b_body) {
        for lane in 0..DISTANCE_LANES {
            sums[lane] += square(x[lane], y[lane]);
        }
    }
    let tail: f64 = a_tail.iter().zip(b_tail).map(|(&x, &y)| square(x, y)).sum();
    (sums.iter().sum::<f64>() + tail).sqrt()
}

/// Scales `a` to length one; a zero vector is unchanged.
pub fn normalize(a: &mut [f32]) {
    let length = norm(a);
    if length > 0.0 {
        let inverse = length.recip();
        a.iter_mut().for_each(|x| *x *= inverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dot_and_distance_agree_with_the_plain_sums(values in proptest::collection::vec((-2.0f32..2.0, -2.0f32..2.0), 0..200)) {
            let (a, b): (Vec<f32>, Vec<f32>) = values.iter().copied().unzip();
            let plain: f64 = values.iter().map(|&(x, y)| f64::from(x) * f64::from(y)).sum();
            prop_assert!((f64::from(dot(&a, &b)) - plain).abs() < 1e-3);
            let plain: f64 = values.iter().map(|&(x, y)| (f64::from(x) - f64::from(y)).powi(2)).sum();
            prop_assert!((distance(&a, &b) - plain.sqrt()).abs() < 1e-12 * plain.max(1.0));
        }

        #[test]
        fn squared_distance_agrees_with_the_plain_sum(values in proptest::collection::vec((-2.0f32..2.0, -2.0f32..2.0), 0..200)) {
            let (a, b): (Vec<f32>, Vec<f32>) = values.iter().copied().unzip();
            let plain: f64 = values.iter().map(|&(x, y)| f64::from(x - y) * f64::from(x - y)).sum();
            prop_assert!((f64::from(squared_distance(&a, &b)) - plain).abs() <= 1e-5 * plain);
        }
    }
}
