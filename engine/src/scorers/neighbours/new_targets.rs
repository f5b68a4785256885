//! Weights towards items that have no events: `w(i, c) = Σ_j s_cj w(i, j) + s_ci o_i`.
//!
//! The score of a new item c is the mean, by its shares s_c in the items j that it resembles, of their scores and of what
//! the user's own items add to themselves (o). Scores are sums over the user's items, so this mean is a sum of weights too:
//! a new item becomes a target like the others, and nothing that serves neighbours has to know of it.
//!
//! A target takes one addition for each source of the items that it resembles: some 50 × 100.

use super::model::{NeighbourRows, Neighbours};
use super::strongest::{Weighted, keep_strongest, sparse_rows};
use crate::error::Result;
use crate::interactions::SparseRows;
use crate::observer::Observer;
use crate::scorers::new_items::NewItemShares;
use rayon::prelude::*;

/// The most sources kept for a new target.
const SOURCES: usize = 100;
/// The fewest. Between these, new targets take at most half as many weights as the others, since a list costs what the
/// rows of its sources hold.
const FEWEST_SOURCES: usize = 10;

/// Extends weights (items × items) by new targets, which may be numbered beyond the items. A target that has weights
/// already keeps these.
///
/// # Errors
/// [`crate::EngineError::Shape`] if an item is out of range, [`crate::EngineError::Cancelled`].
pub fn extended(
    weights: &impl NeighbourRows,
    new: &NewItemShares<'_>,
    observer: &dyn Observer,
) -> Result<Neighbours> {
    let items = new.items.last().map_or(0, |&last| last as usize + 1).max(weights.items());
    let row = |item| if item < weights.items() { weights.row(item) } else { (&[][..], &[][..]) };
    let (mut starts, mut targets, mut values) = (vec![0], Vec::new(), Vec::new());
    for item in 0..items {
        targets.extend_from_slice(row(item).0);
        values.extend_from_slice(row(item).1);
        starts.push(targets.len());
    }
    let most_sources = (targets.len() / 2 / new.items.len().max(1)).clamp(FEWEST_SOURCES, SOURCES);
    let sources = SparseRows::new(items, starts, targets, values)?.transposed();
    let of_target = |sums: &mut Vec<f32>, place: usize| -> Result<Vec<Weighted>> {
        observer.check()?;
        let scored = new.items.get(place).is_some_and(|&item| !sources.row(item as usize).0.is_empty());
        if scored {
            return Ok(Vec::new());
        }
        sums.resize(items, 0.0);
        let mut touched = Vec::new();
        let mut add = |item: u32, weight: f32| {
            touched.push(item);
            sums[item as usize] += weight;
        };
        let (resembled, shares) = new.shares.row(place);
        for (&item, &share) in resembled.iter().zip(shares) {
            let (of_item, weights) = sources.row(item as usize);
            of_item.iter().zip(weights).for_each(|(&source, &weight)| add(source, share * weight));
            add(item, share * new.own_weights.get(item as usize).copied().unwrap_or(0.0));
        }
        touched.sort_unstable();
        touched.dedup();
        let take = |&item: &u32| (item, new.boost * std::mem::take(&mut sums[item as usize]));
        let mut weights: Vec<Weighted> =
            touched.iter().map(take).filter(|weighted| weighted.1 != 0.0).collect();
        keep_strongest(&mut weights, most_sources);
        Ok(weights)
    };
    let targets: Vec<Vec<Weighted>> =
        (0..new.items.len()).into_par_iter().map_init(Vec::new, of_target).collect::<Result<_>>()?;
    let mut rows: Vec<Vec<Weighted>> = (0..items)
        .map(|item| {
            let (targets, weights) = row(item);
            targets.iter().copied().zip(weights.iter().copied()).collect()
        })
        .collect();
    for (&target, sources) in new.items.iter().zip(targets) {
        sources.into_iter().for_each(|(source, weight)| rows[source as usize].push((target, weight)));
    }
    Neighbours::from_rows(sparse_rows(rows, items)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn a_new_target_scores_the_mean_of_those_it_resembles_and_old_ones_as_before() {
        // Items 0, 1, 2 have events, 3 is new and resembles 1 and 2.
        let weights = SparseRows::new(4, vec![0, 2, 3, 3, 3], vec![1, 2, 2], vec![0.5, 0.25, 1.0]).unwrap();
        let shares = SparseRows::new(4, vec![0, 2], vec![1, 2], vec![0.75, 0.25]).unwrap();
        let own_weights = [0.1, 0.2, 0.4, 0.0];
        let new = NewItemShares { items: &[3], shares: &shares, own_weights: &own_weights, boost: 2.0 };
        let weights = Neighbours::from_rows(weights).unwrap();
        let extended = extended(&weights, &new, &Silent).unwrap();
        let row = |item: usize| {
            let (targets, weights) = extended.rows().row(item);
            targets.iter().copied().zip(weights.iter().copied()).collect::<Vec<_>>()
        };
        let close = |found: Vec<(u32, f32)>, expected: &[(u32, f32)]| {
            assert_eq!(found.len(), expected.len(), "{found:?}");
            found.iter().zip(expected).for_each(|(found, expected)| {
                assert!(
                    found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-6,
                    "{found:?} {expected:?}"
                );
            });
        };
        close(row(0), &[(1, 0.5), (2, 0.25), (3, 2.0 * (0.75 * 0.5 + 0.25 * 0.25))]);
        close(row(1), &[(2, 1.0), (3, 2.0 * (0.25 * 1.0 + 0.75 * 0.2))]);
        close(row(2), &[(3, 2.0 * 0.25 * 0.4)]);
        assert!(row(3).is_empty());
    }

    #[test]
    fn targets_beyond_the_items_are_added_as_if_they_had_been_there() {
        let rows = |items, starts| {
            Neighbours::from_rows(
                SparseRows::new(items, starts, vec![1, 2, 2], vec![0.5, 0.25, 1.0]).unwrap(),
            )
        };
        let [three, four] = [(3, vec![0, 2, 3, 3]), (4, vec![0, 2, 3, 3, 3])];
        let shares = SparseRows::new(3, vec![0, 2], vec![1, 2], vec![0.75, 0.25]).unwrap();
        let new = NewItemShares { items: &[3], shares: &shares, own_weights: &[0.1, 0.2, 0.4], boost: 2.0 };
        let [added, there] = [three, four]
            .map(|(items, starts)| extended(&rows(items, starts).unwrap(), &new, &Silent).unwrap());
        assert_eq!(added, there);
        assert_eq!(added.rows().rows(), 4);
    }
}
