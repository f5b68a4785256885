//! The best n of a stream of scores. Ties are ordered by item number, so that lists are deterministic.

use std::cmp::Ordering;

/// An item and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The number of the item.
    pub item: u32,
    /// A finite score; higher is better.
    pub score: f32,
}

impl Scored {
    /// Orders by descending score, then by item.
    pub fn order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.item.cmp(&other.item))
    }
}

/// Keeps the best n items in amortized constant time per item: a buffer of 2n is truncated to n when full.
#[derive(Clone, Debug)]
pub struct TopN {
    n: usize,
    buffer: Vec<Scored>,
    /// Lower scores cannot enter.
    threshold: f32,
}

/// The maximum initial capacity; larger buffers grow on demand.
const FIRST_CAPACITY: usize = 1024;

impl TopN {
    /// Creates a collector of the best `n`.
    pub fn new(n: usize) -> Self {
        Self {
            n,
            buffer: Vec::with_capacity(n.saturating_mul(2).min(FIRST_CAPACITY)),
            threshold: f32::NEG_INFINITY,
        }
    }

    /// Whether an item with this score may still enter.
    #[inline(always)]
    pub fn admits(&self, score: f32) -> bool {
        score >= self.threshold
    }

    /// Offers an item. Scores of −∞ and NaN are ignored.
    #[inline(always)]
    pub fn push(&mut self, item: u32, score: f32) {
        // An equal score may still win by a lower item number.
        if score >= self.threshold && score > f32::NEG_INFINITY && self.n > 0 {
            self.buffer.push(Scored { item, score });
            if self.buffer.len() >= self.n.saturating_mul(2) {
                self.cut();
            }
        }
    }

    /// Offers a row of scores; score n belongs to `item(n)`. Groups of sixteen scores are skipped if none of them can
    /// enter, which is nearly always the case.
    #[inline(always)]
    pub fn push_row(&mut self, scores: &[f32], item: impl Fn(usize) -> u32) {
        const LANES: usize = 16;
        for (chunk, values) in scores.chunks(LANES).enumerate() {
            let threshold = self.threshold;
            if values.iter().fold(false, |any, &score| any | (score >= threshold)) {
                for (offset, &score) in values.iter().enumerate() {
                    self.push(item(chunk * LANES + offset), score);
                }
            }
        }
    }

    fn cut(&mut self) {
        let last = self.n - 1;
        let (_, worst, _) = self.buffer.select_nth_unstable_by(last, Scored::order);
        self.threshold = worst.score;
        self.buffer.truncate(self.n);
    }

    /// Returns the list, best first.
    pub fn finish(mut self) -> Vec<Scored> {
        self.buffer.sort_unstable_by(Scored::order);
        self.buffer.truncate(self.n);
        self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_n_in_order_whatever_the_order_of_arrival(
            scores in proptest::collection::vec(-3i8..3, 0..300),
            n in 0usize..20,
        ) {
            let mut expected: Vec<Scored> = scores.iter().enumerate()
                .map(|(item, &score)| Scored { item: item as u32, score: f32::from(score) }).collect();
            expected.sort_by(Scored::order);
            expected.truncate(n);
            let values: Vec<f32> = scores.iter().map(|&score| f32::from(score)).collect();
            let mut row = TopN::new(n);
            row.push_row(&values, |item| item as u32);
            prop_assert_eq!(&row.finish(), &expected);
            let offer = |items: &mut dyn Iterator<Item = usize>| {
                let mut top = TopN::new(n);
                items.for_each(|item| top.push(item as u32, f32::from(scores[item])));
                top.finish()
            };
            prop_assert_eq!(&offer(&mut (0..scores.len())), &expected);
            prop_assert_eq!(&offer(&mut (0..scores.len()).rev()), &expected);
        }
    }

    #[test]
    fn scores_that_are_not_numbers_never_enter() {
        let mut top = TopN::new(3);
        top.push(1, f32::NAN);
        top.push(2, f32::NEG_INFINITY);
        top.push(3, 1.0);
        assert_eq!(top.finish(), [Scored { item: 3, score: 1.0 }]);
    }
}
