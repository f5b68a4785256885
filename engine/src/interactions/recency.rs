//! The order of a user's items: how recent each is, and how much it therefore says about what comes next.
//!
//! The rank r_i of an item is the number of the user's items that are strictly later, plus half of those others of the
//! same moment: a table gives no order within a moment. The history weight of an item is (1 + r_i)^−p, and two items are
//! as far apart as their ranks.

use super::sparse::SparseRows;
use serde::{Deserialize, Serialize};

/// How the order of a user's items counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemOrder {
    /// p, the exponent of the weight (1 + r)^−p of an item of rank r in a history; 0 if all count the same.
    pub weight: f64,
    /// q, the exponent of the closeness (1 + |r − s|)^−q of two items of ranks r and s, by which neighbours are found; 0 if
    /// all items of a user are equally close.
    pub distance: f64,
}

impl ItemOrder {
    /// The history weights of items of these ranks; `None` if all count the same, or the ranks are not known.
    pub fn history_weights(&self, ranks: &[f32]) -> Option<Vec<f32>> {
        (self.weight > 0.0 && !ranks.is_empty()).then(|| history_weights(ranks, self.weight))
    }
}

/// The rank of each item of a user whose latest events have these times.
pub fn ranks(times: &[i64]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_unstable_by_key(|&place| std::cmp::Reverse(times[place]));
    let mut ranks = vec![0.0; times.len()];
    let mut later = 0;
    for tied in order.chunk_by(|&a, &b| times[a] == times[b]) {
        let rank = later as f32 + (tied.len() - 1) as f32 / 2.0;
        tied.iter().for_each(|&place| ranks[place] = rank);
        later += tied.len();
    }
    ranks
}

/// The history weights (1 + r)^−p of ranks, for the exponent p.
pub fn history_weights(ranks: &[f32], exponent: f64) -> Vec<f32> {
    ranks.iter().map(|&rank| (1.0 + rank).powf(-exponent as f32)).collect()
}

/// The histories of all users, in which items have history weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Histories {
    /// The confidences times the history weights, users × items.
    pub by_user: SparseRows,
    /// The history weight of each entry of [`Self::by_user`].
    weights: Vec<f32>,
}

impl Histories {
    /// Weighs the items of each row of `by_user`, whose entries have these ranks.
    pub fn new(by_user: &SparseRows, ranks: &[f32], exponent: f64) -> Self {
        let weights = history_weights(ranks, exponent);
        let confidences = by_user.values().iter().zip(&weights);
        let by_user = by_user.with_values(confidences.map(|(value, weight)| value * weight).collect());
        Self { by_user, weights }
    }

    /// The history weights of a user's items.
    pub fn weights(&self, user: usize) -> &[f32] {
        &self.weights[self.by_user.range(user)]
    }
}

/// The closeness (1 + |r − s|)^−q of ranks that are whole or half numbers, looked up.
#[derive(Clone, Debug)]
pub struct Closeness(Vec<f32>);

impl Closeness {
    /// The closeness for the exponent q of ranks below `count`.
    pub fn new(count: usize, exponent: f64) -> Self {
        let of_distance = |doubled: usize| (1.0 + doubled as f64 / 2.0).powf(-exponent) as f32;
        Self((0..2 * count.max(1)).map(of_distance).collect())
    }

    /// The closeness of two ranks.
    #[inline(always)]
    pub fn of(&self, a: f32, b: f32) -> f32 {
        self.0[(2.0 * (a - b).abs()) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_one_moment_share_a_rank_and_the_latest_comes_first() {
        assert_eq!(ranks(&[5, 9, 5, 1, 5]), [2.0, 0.0, 2.0, 4.0, 2.0]);
        assert_eq!(ranks(&[7, 7]), [0.5, 0.5]);
        assert!(ranks(&[]).is_empty());
    }

    #[test]
    fn weights_fall_with_the_rank_and_are_all_one_without_an_exponent() {
        assert_eq!(history_weights(&[0.0, 0.5, 3.0], 0.5), [1.0, 1.5f32.powf(-0.5), 0.5]);
        assert_eq!(history_weights(&[0.0, 7.0], 0.0), [1.0, 1.0]);
        let by_user = SparseRows::new(3, vec![0, 2, 3], vec![0, 2, 1], vec![2.0, 4.0, 1.0]).unwrap();
        let histories = Histories::new(&by_user, &[1.0, 0.0, 0.0], 1.0);
        assert_eq!(histories.by_user.values(), [1.0, 4.0, 1.0]);
        assert_eq!((histories.weights(0), histories.weights(1)), (&[0.5, 1.0][..], &[1.0][..]));
    }

    #[test]
    fn closeness_depends_on_the_distance_of_ranks_only() {
        let closeness = Closeness::new(4, 0.5);
        assert_eq!(closeness.of(1.5, 1.5), 1.0);
        assert_eq!(closeness.of(3.0, 0.0), 0.5);
        assert_eq!(closeness.of(0.5, 2.0), closeness.of(2.5, 1.0));
    }
}
