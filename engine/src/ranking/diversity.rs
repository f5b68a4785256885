//! Diversified lists by maximal marginal relevance (Carbonell & Goldstein 1998).
//!
//! Items are taken from a pool one at a time, each time the one with the highest
//! (1 − λ) · relevance − λ · max cos(item, items taken), where relevance is the score rescaled to 0..1 within the pool.
//! A list of n takes n · pool · k multiply-adds: ten of a hundred items with 64 factors, 64,000.

use crate::error::{EngineError, Result};
use crate::linalg::product::row_scores;
use crate::linalg::vector::normalize;
use crate::matrix::Matrix;
use crate::observer::Observer;

/// Returns the indexes of at most `n` items of a pool, in the order of the list. `scores` are those of the pool, best
/// first; `factors` has its rows. A score higher than the one before it is lowered to that, because items that fill up
/// a list have scores on another scale. `diversity` is λ: 0 keeps the pool's order, 1 considers only similarity. Ties
/// go to the earlier item.
///
/// # Errors
/// [`EngineError::Cancelled`], [`EngineError::Shape`] if `factors` does not have one row per score.
pub fn diverse(
    scores: &[f32],
    factors: &Matrix,
    diversity: f32,
    n: usize,
    observer: &dyn Observer,
) -> Result<Vec<usize>> {
    let pool = scores.len();
    if factors.rows() != pool {
        return Err(EngineError::Shape { what: "rows of a pool", expected: pool, found: factors.rows() });
    }
    let relevance = relevance(scores);
    let mut directions = factors.clone();
    (0..pool).for_each(|place| normalize(directions.row_mut(place)));
    let mut left: Vec<usize> = (0..pool).collect();
    // A cosine is at least −1; before the first choice nothing is like anything.
    let mut likeness = vec![0.0f32; pool];
    let mut cosines = vec![0.0; pool];
    let mut list = Vec::with_capacity(n.min(pool));
    while list.len() < n && !left.is_empty() {
        observer.check()?;
        let value = |place: usize| (1.0 - diversity) * relevance[place] - diversity * likeness[place];
        let mut best = 0;
        for candidate in 1..left.len() {
            if value(left[candidate]) > value(left[best]) {
                best = candidate;
            }
        }
        let chosen = left.remove(best);
        row_scores(directions.row(chosen), directions.view(), &mut cosines);
        for &place in &left {
            let before = if list.is_empty() { f32::NEG_INFINITY } else { likeness[place] };
            likeness[place] = cosines[place].max(before);
        }
        list.push(chosen);
    }
    Ok(list)
}

/// Rescales non-increasing scores to 0..1; all are 1 if they are equal.
fn relevance(scores: &[f32]) -> Vec<f32> {
    let mut least = f32::INFINITY;
    let falling: Vec<f32> = scores
        .iter()
        .map(|&score| {
            least = least.min(score);
            least
        })
        .collect();
    let width = falling.first().map_or(0.0, |most| most - least);
    falling.iter().map(|score| if width > 0.0 { (score - least) / width } else { 1.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::vector::{dot, norm};
    use crate::observer::Silent;
    use proptest::prelude::*;

    fn plain_cosine(factors: &Matrix, a: usize, b: usize) -> f32 {
        let norms = norm(factors.row(a)) * norm(factors.row(b));
        if norms > 0.0 { dot(factors.row(a), factors.row(b)) / norms } else { 0.0 }
    }

    /// The mean cosine between the items of a list.
    fn likeness(factors: &Matrix, list: &[usize]) -> f32 {
        let pairs: Vec<f32> = (0..list.len())
            .flat_map(|a| (0..a).map(move |b| (a, b)))
            .map(|(a, b)| plain_cosine(factors, list[a], list[b]))
            .collect();
        pairs.iter().sum::<f32>() / pairs.len().max(1) as f32
    }

    fn pool(count: usize, k: usize, seed: u64) -> (Vec<f32>, Matrix) {
        let value = |i: usize| (crate::seed::mix(i as u64 + seed) >> 40) as f32 / 1e7 - 0.8;
        let mut scores: Vec<f32> = (0..count).map(|i| value(i + 1_000_000)).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        (scores, Matrix::from_data(k, (0..count * k).map(value).collect()).unwrap())
    }

    proptest! {
        #[test]
        fn every_choice_has_the_highest_marginal_relevance(
            seed in 0u64..1000,
            count in 0usize..40,
            n in 0usize..50,
            diversity in 0.0f32..=1.0,
        ) {
            let (scores, factors) = pool(count, 3, seed * 7919);
            let list = diverse(&scores, &factors, diversity, n, &Silent).unwrap();
            prop_assert_eq!(list.len(), n.min(count));
            let relevance = relevance(&scores);
            for (chosen_so_far, &chosen) in list.iter().enumerate() {
                let before = &list[..chosen_so_far];
                let value = |place: usize| {
                    let alike = before.iter().map(|&other| plain_cosine(&factors, place, other));
                    let alike = alike.reduce(f32::max).unwrap_or(0.0);
                    (1.0 - diversity) * relevance[place] - diversity * alike
                };
                for place in (0..count).filter(|place| !before.contains(place)) {
                    prop_assert!(value(place) <= value(chosen) + 1e-5);
                }
            }
        }

        #[test]
        fn no_diversity_keeps_the_order(seed in 0u64..1000, count in 0usize..40) {
            let (scores, factors) = pool(count, 3, seed);
            let list = diverse(&scores, &factors, 0.0, count, &Silent).unwrap();
            prop_assert_eq!(list, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn lists_become_more_unlike_with_diversity_on_average() {
        let mean = |diversity: f32| -> f32 {
            let of = |seed: u64| {
                let (scores, factors) = pool(100, 4, seed * 104_729);
                likeness(&factors, &diverse(&scores, &factors, diversity, 10, &Silent).unwrap())
            };
            (0..50).map(of).sum::<f32>() / 50.0
        };
        let means: Vec<f32> = [0.0, 0.2, 0.4, 0.6, 0.8].map(mean).to_vec();
        assert!(means.windows(2).all(|pair| pair[1] < pair[0]), "{means:?}");
    }

    #[test]
    fn a_score_above_the_one_before_counts_like_it_and_equal_items_keep_their_order() {
        assert_eq!(relevance(&[0.5, 0.1, 0.9, 0.0]), [1.0, 0.2, 0.2, 0.0]);
        let same = Matrix::zeros(3, 2);
        assert_eq!(diverse(&[2.0; 3], &same, 0.7, 3, &Silent).unwrap(), [0, 1, 2]);
        assert!(diverse(&[2.0; 3], &Matrix::zeros(2, 2), 0.7, 3, &Silent).is_err());
    }
}
