//! What an event counts: type weight × value × 2^(−age / half-life), and how the events of a user
//! on an item become one weight. Training and serving use this same file.

use serde::{Deserialize, Serialize};

/// How several events of a user on the same item are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// The sum of their weights.
    Sum,
    /// The largest weight.
    Max,
    /// The weight of the latest.
    Last,
    /// Their number; weights are not used.
    Count,
}

/// How events are weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighting {
    /// How events on the same item are combined.
    pub duplicates: Duplicates,
    /// Seconds after which an event counts half; `None` where age does not matter.
    pub half_life: Option<f64>,
    /// The moment from which age is counted, in microseconds: the latest event of the training.
    pub anchor: i64,
}

impl Weighting {
    /// The factor of an event at `time` (microseconds); events after the anchor count fully.
    #[inline]
    pub fn decay(&self, time: i64) -> f64 {
        match self.half_life {
            Some(half_life) => {
                let age = self.anchor.saturating_sub(time).max(0) as f64 / 1e6;
                (-age / half_life).exp2()
            }
            None => 1.0,
        }
    }

    /// Combines events of one user on one item, given as (weight, time) in order of time.
    #[inline]
    pub fn combine(&self, events: impl Iterator<Item = (f32, i64)>) -> f32 {
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

    /// Combines ratings of one user for one item, given in order of time: the last, the highest, or their
    /// mean. Age does not matter: a rating says what it says.
    #[inline]
    pub fn combine_ratings(&self, ratings: impl Iterator<Item = f32>) -> f32 {
        let (mut sum, mut count, mut highest, mut last) = (0.0, 0.0f64, f32::NEG_INFINITY, f32::NAN);
        for rating in ratings {
            (sum, count) = (sum + f64::from(rating), count + 1.0);
            (highest, last) = (highest.max(rating), rating);
        }
        match self.duplicates {
            Duplicates::Sum | Duplicates::Count => (sum / count) as f32,
            Duplicates::Max => highest,
            Duplicates::Last => last,
        }
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
            Weighting { duplicates, half_life, anchor: 10 * day }.combine(events.iter().copied())
        };
        assert_eq!(weigh(Duplicates::Sum, None), 6.0);
        assert_eq!(weigh(Duplicates::Max, None), 3.0);
        assert_eq!(weigh(Duplicates::Last, None), 2.0);
        assert_eq!(weigh(Duplicates::Count, None), 3.0);
        let rate = |duplicates| {
            let weighting = Weighting { duplicates, half_life: Some(1.0), anchor: 10 * day };
            weighting.combine_ratings([-4.0, 0.0, -2.0].into_iter())
        };
        assert_eq!(rate(Duplicates::Sum), -2.0);
        assert_eq!(rate(Duplicates::Max), 0.0);
        assert_eq!(rate(Duplicates::Last), -2.0);
        assert_eq!(
            weigh(Duplicates::Sum, Some(10.0 * 86_400.0)),
            (0.5 + 3.0 * (-0.1f64).exp2() + 2.0) as f32
        );
    }
}
