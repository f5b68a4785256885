//! The weight of an event, type weight × value × 2^(−age / half-life), and how a user's events on an item are combined
//! into one weight and then a confidence. Training and serving share this code.
//!
//! Weights are `f32`. If a training's weights would overflow or underflow, all are multiplied by one power of two
//! ([`Weighting::shift`]), which is added to the exponent before exponentiation. This is harmless because only ratios
//! of weights matter.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// How several events of a user on the same item are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Duplicates {
    /// The sum of their weights.
    Sum,
    /// The largest of their weights.
    Max,
    /// The weight of the latest event.
    Last,
    /// The number of events, regardless of their weights.
    Count,
}

/// The maximum binary exponent of weights and of confidences; sums of many such values are still finite.
const MOST_EXPONENT: i32 = 100;
/// The maximum confidence of a pair.
const MOST_CONFIDENCE: f32 = (1u128 << MOST_EXPONENT) as f32;

/// How events are weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighting {
    /// How several events of a user on the same item are combined.
    pub duplicates: Duplicates,
    /// The age in seconds at which an event has half its weight; `None` to ignore age.
    pub half_life: Option<f64>,
    /// The moment that ages refer to, in microseconds: the latest event of the training.
    pub anchor: i64,
    /// Whether weights are ratings. Ratings do not decay, are averaged rather than summed, and are not scaled; zero and
    /// negative values are allowed.
    pub ratings: bool,
    /// The binary exponent of the factor applied to weights; 0 if `f32` can represent them unscaled, and always for
    /// ratings.
    pub shift: f64,
}

impl Weighting {
    /// The decay of an event at `time` (microseconds), which is 1 for events after the anchor.
    #[inline]
    pub fn decay(&self, time: i64) -> f64 {
        match self.half_life {
            None if self.shift == 0.0 => 1.0,
            _ => (self.shift - self.half_lives(time)).exp2(),
        }
    }

    /// The age of an event in half-lives.
    #[inline]
    fn half_lives(&self, time: i64) -> f64 {
        match self.half_life {
            Some(half_life) => self.anchor.saturating_sub(time).max(0) as f64 / 1e6 / half_life,
            None => 0.0,
        }
    }

    /// Combines the events of one user on one item, given as (weight, time) in order of time.
    #[inline]
    pub fn combine(&self, events: impl Iterator<Item = (f32, i64)>) -> f32 {
        if self.ratings {
            return self.combine_ratings(events);
        }
        let mut combined = 0.0f64;
        for (weight, time) in events {
            let weight = f64::from(weight) * self.decay(time);
            combined = match self.duplicates {
                Duplicates::Sum => combined + weight,
                Duplicates::Max => combined.max(weight),
                Duplicates::Last => weight,
                Duplicates::Count => combined + self.decay(time),
            };
        }
        combined as f32
    }

    /// The binary logarithm of the result of [`Self::combine`] without the shift; it neither overflows nor underflows.
    pub fn combine_logarithms(&self, events: impl Iterator<Item = (f32, i64)>) -> f64 {
        let mut combined = f64::NEG_INFINITY;
        for (weight, time) in events {
            let decay = -self.half_lives(time);
            let own = f64::from(weight).log2() + decay;
            combined = match self.duplicates {
                Duplicates::Sum => sum_of_logarithms(combined, own),
                Duplicates::Max => combined.max(own),
                Duplicates::Last => own,
                Duplicates::Count => sum_of_logarithms(combined, decay),
            };
        }
        combined
    }

    fn combine_ratings(&self, events: impl Iterator<Item = (f32, i64)>) -> f32 {
        let (mut sum, mut count, mut most, mut last) = (0.0f64, 0u32, f32::NEG_INFINITY, 0.0);
        for (rating, _) in events {
            sum += f64::from(rating);
            count += 1;
            most = most.max(rating);
            last = rating;
        }
        match self.duplicates {
            Duplicates::Max => most,
            Duplicates::Last => last,
            Duplicates::Sum | Duplicates::Count => (sum / f64::from(count.max(1))) as f32,
        }
    }

    /// Whether a combined weight counts: ratings always do, others unless they decayed to zero.
    #[inline]
    pub fn counts(&self, weight: f32) -> bool {
        if self.ratings { weight.is_finite() } else { weight >= f32::MIN_POSITIVE }
    }

    /// The confidence of a combined weight, relative to the weight `median`, whose confidence is 1.
    #[inline]
    pub fn confidence(&self, weight: f32, median: f32) -> f32 {
        let confidence = weight / median;
        if self.ratings { confidence } else { confidence.clamp(f32::MIN_POSITIVE, MOST_CONFIDENCE) }
    }

    /// Chooses the shift for weights whose largest has the binary logarithm `largest`, so that `f32` can represent it
    /// and as much of the range below it as possible.
    pub fn shifted(&self, largest: f64) -> Self {
        Self { shift: largest.clamp(0.0, f64::from(MOST_EXPONENT)) - largest, ..*self }
    }
}

/// log₂(2ᵃ + 2ᵇ), without overflow.
fn sum_of_logarithms(a: f64, b: f64) -> f64 {
    let (more, less) = (a.max(b), a.min(b));
    if less == f64::NEG_INFINITY {
        more
    } else {
        more + (less - more).exp2().ln_1p() / std::f64::consts::LN_2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_and_decay_combine_as_named() {
        let day = 86_400_000_000i64;
        let events = [(1.0, 0), (3.0, 9 * day), (2.0, 10 * day)];
        let weigh = |duplicates, half_life| {
            let weighting = Weighting { duplicates, half_life, anchor: 10 * day, ratings: false, shift: 0.0 };
            weighting.combine(events.iter().copied())
        };
        assert_eq!(weigh(Duplicates::Sum, None), 6.0);
        assert_eq!(weigh(Duplicates::Max, None), 3.0);
        assert_eq!(weigh(Duplicates::Last, None), 2.0);
        assert_eq!(weigh(Duplicates::Count, None), 3.0);
        assert_eq!(
            weigh(Duplicates::Sum, Some(10.0 * 86_400.0)),
            (0.5 + 3.0 * (-0.1f64).exp2() + 2.0) as f32
        );
    }

    #[test]
    fn ratings_have_a_mean_and_no_age_and_may_be_below_zero() {
        let rate = |duplicates| {
            let weighting =
                Weighting { duplicates, half_life: Some(1.0), anchor: 9, ratings: true, shift: 0.0 };
            weighting.combine([(-3.0, 0), (2.0, 1), (-2.0, 2)].into_iter())
        };
        assert_eq!([rate(Duplicates::Sum), rate(Duplicates::Max), rate(Duplicates::Last)], [-1.0, 2.0, -2.0]);
        let weighting =
            Weighting { duplicates: Duplicates::Sum, half_life: None, anchor: 0, ratings: true, shift: 0.0 };
        assert!(weighting.counts(0.0) && weighting.counts(-1.0) && !weighting.counts(f32::NAN));
    }
    #[test]
    fn logarithms_agree_with_weights_where_both_can_be_had() {
        for duplicates in [Duplicates::Sum, Duplicates::Max, Duplicates::Last, Duplicates::Count] {
            let weighting =
                Weighting { duplicates, half_life: Some(3.0), anchor: 9_000_000, ratings: false, shift: 0.0 };
            let events = [(0.5f32, 0), (3.0, 4_000_000), (2.0, 11_000_000)];
            let weight = weighting.combine(events.iter().copied());
            let logarithm = weighting.combine_logarithms(events.iter().copied());
            assert!(
                (f64::from(weight).log2() - logarithm).abs() < 1e-6,
                "{duplicates:?} {weight} {logarithm}"
            );
            let shifted = Weighting { shift: 5.0, ..weighting }.combine(events.iter().copied());
            assert_eq!(shifted, 32.0 * weight);
        }
    }
}
