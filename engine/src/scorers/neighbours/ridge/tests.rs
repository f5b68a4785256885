//! The local ridge beside dense solves, with content and without.

use super::*;
use crate::error::EngineError;
use crate::features::EncodedItems;
use crate::interactions::recency::ranks;
use crate::matrix::Matrix;
use crate::observer::{CancelAfter, Silent};
use crate::scorers::content::ContentIndex;
use crate::seed::mix;

const ITEMS: usize = 150;

/// Users with few and users with very many of 150 items, more of these than are added together.
fn interactions() -> Interactions {
    let (mut starts, mut columns) = (vec![0], Vec::new());
    for user in 0..300u64 {
        let chance = if user % 2 == 0 { 6 } else { 60 };
        columns.extend((0..ITEMS as u32).filter(|&item| mix(user << 32 | u64::from(item)) % 100 < chance));
        starts.push(columns.len());
    }
    let values = vec![1.0; columns.len()];
    let times: Vec<i64> = (0..columns.len() as u64).map(|entry| (mix(entry) % 20) as i64).collect();
    let ranks = starts.windows(2).flat_map(|of_user| ranks(&times[of_user[0]..of_user[1]])).collect();
    Interactions::new(SparseRows::new(ITEMS, starts, columns, values).unwrap()).ranked(Some(ranks))
}

/// Unit vectors: one of twelve sparse columns, and nine dense ones; every fiftieth item is unknown.
fn encoded(items: usize) -> EncodedItems {
    let (mut starts, mut columns, mut dense) = (vec![0], Vec::new(), Matrix::zeros(items, 9));
    for item in 0..items {
        if item % 50 != 49 {
            columns.push((mix(item as u64) % 12) as u32);
            let row = dense.row_mut(item);
            row.iter_mut()
                .enumerate()
                .for_each(|(n, x)| *x = (mix((item * 9 + n) as u64) % 100) as f32 - 50.0);
            crate::linalg::vector::normalize(row);
            row.iter_mut().for_each(|x| *x *= 0.8);
        }
        starts.push(columns.len());
    }
    let values = vec![0.6; columns.len()];
    EncodedItems::new(SparseRows::new(12, starts, columns, values).unwrap(), dense).unwrap()
}

fn nearest(items: &EncodedItems) -> SparseRows {
    ContentIndex::new(items, |_| true, &Silent).unwrap().nearest(items, 10, true, &Silent).unwrap()
}

fn solve(ridge: &LocalRidge<'_>) -> Vec<Weighted> {
    let mut scratch = RidgeScratch::new(ridge);
    (0..ITEMS).flat_map(|item| ridge.solve(item, None, &mut scratch).unwrap()).collect()
}

#[test]
fn a_catalogue_that_is_not_held_gives_the_same_weights() {
    let (interactions, items) = (interactions(), encoded(ITEMS));
    let nearest = nearest(&items);
    let with = Some(RidgeContent { items: &items, nearest: &nearest, weight: 3.0 });
    for (content, distance) in [(None, 0.0), (with, 0.0), (None, 0.5), (with, 0.5)] {
        let options = NeighbourOptions { considered: 70, distance, ..NeighbourOptions::default() };
        let mut ridge = prepared(&interactions, &options, content, &Silent).unwrap();
        let held = solve(&ridge);
        ridge.release();
        let summed = solve(&ridge);
        assert!(if content.is_none() { held.len() == ITEMS * 70 } else { held.len() > ITEMS * 70 });
        assert_eq!(held.len(), summed.len());
        for (held, summed) in held.iter().zip(&summed) {
            assert_eq!(held.0, summed.0);
            assert!((held.1 - summed.1).abs() < 1e-5, "{held:?} {summed:?}");
        }
    }
}

#[test]
fn content_of_no_weight_changes_no_bit() {
    let (interactions, items) = (interactions(), encoded(ITEMS));
    let nearest = nearest(&items);
    let options = NeighbourOptions { considered: 70, ..NeighbourOptions::default() };
    let without = train(&interactions, &options, None, &Silent).unwrap();
    let content = RidgeContent { items: &items, nearest: &nearest, weight: 0.0 };
    assert_eq!(train(&interactions, &options, Some(content), &Silent).unwrap(), without);
    let content = RidgeContent { weight: 1.0, ..content };
    let with = train(&interactions, &options, Some(content), &Silent).unwrap();
    assert_ne!(with, without);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let again = pool.install(|| train(&interactions, &options, Some(content), &Silent).unwrap());
        assert_eq!(again, with);
    }
}

/// `(G'_NN + β Z_N Z_Nᵀ + ρI) B = G'_Nj + β Z_N z_j` as it is written, in `f64`, with the scalings of the weights.
#[test]
fn weights_solve_the_regression_on_the_scaled_gramian_and_content() {
    let (interactions, items) = (interactions(), encoded(ITEMS));
    let nearest = nearest(&items);
    for distance in [0.0, 0.5] {
        weights_solve_the_regression(&interactions, &items, &nearest, distance);
    }
}

fn weights_solve_the_regression(
    interactions: &Interactions,
    items: &EncodedItems,
    nearest: &SparseRows,
    distance: f64,
) {
    let options = NeighbourOptions { considered: 40, distance, ..NeighbourOptions::default() };
    let content = RidgeContent { items, nearest, weight: 5.0 };
    let rank = |user: u32, item: u32| -> f64 {
        let place = interactions.by_user().row(user as usize).0.binary_search(&item).unwrap();
        f64::from(interactions.ranks_of(user as usize)[place])
    };
    let ridge = prepared(interactions, &options, Some(content), &Silent).unwrap();
    let mut scratch = RidgeScratch::new(&ridge);
    let degree = |item: u32| interactions.by_item().row_len(item as usize) as f64;
    let entry = |i: u32, j: u32| -> f64 {
        let own = interactions.by_item().row(i as usize).0;
        let both = own.iter().filter(|user| interactions.by_item().row(j as usize).0.contains(user));
        let closeness = |user: u32| (1.0 + (rank(user, i) - rank(user, j)).abs()).powf(-distance);
        let weight = |&user: &u32| (interactions.by_user().row_len(user as usize) as f64).powf(-0.3);
        let gram: f64 = both.map(|user| weight(user) * closeness(*user)).sum();
        let cosine = items.cosine(i as usize, items, j as usize);
        gram * (degree(i) * degree(j)).powf(-0.1) + 5.0 * f64::from(cosine)
    };
    for target in [0, 49, 77] {
        let weights = ridge.solve(target, None, &mut scratch).unwrap();
        let sources: Vec<u32> = weights.iter().map(|weighted| weighted.0).collect();
        for added in nearest.row(target).0 {
            assert!(sources.binary_search(added).is_ok());
        }
        // B from the weights, which must satisfy the equations.
        let target = target as u32;
        let solution: Vec<f64> = weights
            .iter()
            .map(|&(source, weight)| {
                f64::from(weight) * degree(source).powf(0.35) * degree(target).powf(-0.1)
            })
            .collect();
        for (place, &i) in sources.iter().enumerate() {
            let products = sources.iter().zip(&solution).map(|(&j, b)| entry(i, j) * b);
            let left = products.sum::<f64>() + options.regularization * solution[place];
            assert!((left - entry(i, target)).abs() < 1e-3 * entry(i, target).abs().max(1.0));
        }
    }
}

#[test]
fn content_of_other_items_is_refused_and_cancelling_ends_the_work() {
    let (interactions, items, fewer) = (interactions(), encoded(ITEMS), encoded(ITEMS - 1));
    let (own, other) = (nearest(&items), nearest(&fewer));
    let options = NeighbourOptions::default();
    for (items, nearest) in [(&fewer, &own), (&items, &other)] {
        let content = Some(RidgeContent { items, nearest, weight: 1.0 });
        let refused = train(&interactions, &options, content, &Silent);
        assert!(matches!(refused, Err(EngineError::Shape { expected: ITEMS, .. })));
    }
    let content = Some(RidgeContent { items: &items, nearest: &own, weight: 1.0 });
    for patience in [0, 10, 200, 300] {
        let stopped = train(&interactions, &options, content, &CancelAfter::new(patience));
        assert_eq!(stopped, Err(EngineError::Cancelled));
    }
}
