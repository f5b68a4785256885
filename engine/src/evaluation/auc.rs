//! The area under the ROC curve of one user's scores: the probability that a relevant item scores higher than another
//! unseen one, with ties counting half (Hanley & McNeil 1982). Pairs are counted in integers, so the result is exact.
//!
//! Each relevant item is compared with all scores, without sorting: 2·relevant·items comparisons, or 2 µs for one
//! relevant item among 41,000 with AVX2. From 400 relevant items on, a binary search of every score would be faster.

use crate::error::Result;
use crate::observer::Observer;
use crate::sorting::sort_by;

/// The number of scores counted in 32 bits before they are added; a tile fits into the cache.
const TILE: usize = 4096;

/// The area for the scores of all items, where the scores are indexed by item number, −∞ for items that cannot be
/// recommended, and never NaN. `relevant` and `excluded` items are ascending. `None` if there is no pair to compare.
pub fn auc(scores: &[f32], relevant: &[u32], excluded: &[u32]) -> Option<f64> {
    let score = |item: &u32| scores.get(*item as usize).copied();
    let relevant_scores: Vec<f32> = relevant.iter().filter_map(score).collect();
    let mut left_out = relevant_scores.clone();
    left_out.extend(excluded.iter().filter(|item| relevant.binary_search(item).is_err()).filter_map(score));
    let pairs = relevant_scores.len() * (scores.len() - left_out.len());
    let halves = halves_won(&relevant_scores, scores) - halves_won(&relevant_scores, &left_out);
    (pairs > 0).then(|| halves as f64 / (2 * pairs) as f64)
}

/// Sums over all pairs of a relevant score and another: 2 if the relevant one is greater, 1 if they tie.
fn halves_won(relevant: &[f32], scores: &[f32]) -> u64 {
    pulp::Arch::new().dispatch(|| {
        let mut halves = 0;
        for tile in scores.chunks(TILE) {
            for &own in relevant {
                let count = |&score: &f32| u32::from(score < own) + u32::from(score <= own);
                halves += u64::from(tile.iter().map(count).sum::<u32>());
            }
        }
        halves
    })
}

/// The same area from the unordered scores of relevant and other rows (no NaN), by sorting both.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn auc_of_rows(
    mut relevant: Vec<f64>,
    mut others: Vec<f64>,
    observer: &dyn Observer,
) -> Result<Option<f64>> {
    sort_by(&mut relevant, &f64::total_cmp, observer)?;
    sort_by(&mut others, &f64::total_cmp, observer)?;
    // A single pass of a few nanoseconds per row, so no check for cancellation is needed.
    let (mut below, mut not_above, mut halves) = (0, 0, 0u128);
    for own in &relevant {
        below += others[below..].iter().take_while(|other| *other < own).count();
        not_above = not_above.max(below);
        not_above += others[not_above..].iter().take_while(|other| *other <= own).count();
        halves += (below + not_above) as u128;
    }
    let pairs = relevant.len() as u128 * others.len() as u128;
    Ok((pairs > 0).then(|| halves as f64 / (2 * pairs) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use proptest::prelude::*;

    /// As it is defined, pair by pair.
    fn plain(scores: &[f32], relevant: &[u32], excluded: &[u32]) -> Option<f64> {
        let (mut halves, mut pairs) = (0, 0);
        for &own in relevant {
            for other in (0..scores.len() as u32).filter(|i| !relevant.contains(i) && !excluded.contains(i)) {
                let (own, other) = (scores[own as usize], scores[other as usize]);
                halves += u64::from(own > other) + u64::from(own >= other);
                pairs += 2;
            }
        }
        (pairs > 0).then(|| halves as f64 / pairs as f64)
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_gives(
            items in proptest::collection::vec((-9i8..9, 0u8..4), 0..300),
        ) {
            let scores: Vec<f32> = items.iter()
                .map(|&(score, _)| if score == -9 { f32::NEG_INFINITY } else { f32::from(score) }).collect();
            let of = |kind: u8| (0..items.len() as u32).filter(|&i| items[i as usize].1 == kind).collect::<Vec<_>>();
            let (relevant, excluded) = (of(0), of(1));
            let expected = plain(&scores, &relevant, &excluded);
            prop_assert_eq!(auc(&scores, &relevant, &excluded), expected);
            let rows = |kinds: &[u8]| {
                (0..items.len()).filter(|&i| kinds.contains(&items[i].1)).map(|i| f64::from(scores[i])).collect()
            };
            prop_assert_eq!(auc_of_rows(rows(&[0]), rows(&[2, 3]), &Silent), Ok(expected));
        }
    }

    #[test]
    fn the_best_order_is_one_the_worst_nothing_and_no_order_a_half() {
        assert_eq!(auc(&[4.0, 3.0, 2.0, 1.0], &[0, 1], &[]), Some(1.0));
        assert_eq!(auc(&[4.0, 3.0, 2.0, 1.0], &[3], &[0]), Some(0.0));
        assert_eq!(auc(&[7.0; 4], &[1], &[2]), Some(0.5));
        assert_eq!(auc(&[1.0, 2.0], &[0], &[1]), None);
        assert_eq!(auc(&[1.0, 2.0], &[0], &[0]), Some(0.0));
        assert_eq!(auc(&[1.0, 2.0], &[5], &[]), None);
        assert_eq!(auc(&[], &[], &[]), None);
    }
}
