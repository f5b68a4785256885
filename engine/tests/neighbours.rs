//! Tests the guarantees of neighbours: weights equal those of the plain formulas, results are the same bytes every
//! time, any data has a result, and cancellation ends the training.

#![allow(clippy::unwrap_used, missing_docs)]

mod reference;

use proptest::prelude::*;
use reference::{planted, solve};
use segrec_engine::interactions::{Interactions, SparseRows};
use segrec_engine::scorers::neighbours::{
    NeighbourMethod, NeighbourOptions, NeighbourRows, NeighbourScratch, Neighbours,
};
use segrec_engine::{CancelAfter, EngineError, Observer, Result, Silent};

const METHODS: [NeighbourMethod; 5] = [
    NeighbourMethod::Ridge,
    NeighbourMethod::Filter,
    NeighbourMethod::Cosine,
    NeighbourMethod::TfIdf,
    NeighbourMethod::Rp3,
];

fn options(method: NeighbourMethod, considered: usize, kept: usize) -> NeighbourOptions {
    NeighbourOptions { method, considered, kept, regularization: 3.0, distance: 0.0 }
}

/// Trains each method, with EASE last.
fn train_all(
    interactions: &Interactions,
    considered: usize,
    kept: usize,
    observer: &dyn Observer,
) -> Result<Vec<Neighbours>> {
    let mut all = Vec::new();
    for method in METHODS {
        all.push(Neighbours::train(interactions, &options(method, considered, kept), observer)?);
    }
    all.push(Neighbours::ease(interactions, 3.0, kept, observer)?);
    Ok(all)
}

fn dense(neighbours: &Neighbours) -> Vec<Vec<f64>> {
    let rows = neighbours.rows();
    let row = |source| {
        let mut row = vec![0.0; rows.width()];
        let (targets, weights) = rows.row(source);
        assert!(targets.is_sorted_by(|a, b| a < b) && !targets.contains(&(source as u32)));
        targets.iter().zip(weights).for_each(|(&target, &weight)| row[target as usize] = f64::from(weight));
        row
    };
    (0..rows.rows()).map(row).collect()
}

/// Returns `Σ_u weight(n_u) R_ui R_uj`.
fn cooccurrences(interactions: &Interactions, weight: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    let items = interactions.items();
    let mut sums = vec![vec![0.0; items]; items];
    for user in 0..interactions.users() {
        let (history, _) = interactions.by_user().row(user);
        for &i in history {
            for &j in history {
                sums[i as usize][j as usize] += weight(history.len() as f64);
            }
        }
    }
    sums
}

fn degrees(interactions: &Interactions) -> Vec<f64> {
    (0..interactions.items()).map(|item| interactions.by_item().row_len(item).max(1) as f64).collect()
}

fn plain(interactions: &Interactions, method: NeighbourMethod, considered: usize) -> Vec<Vec<f64>> {
    let items = interactions.items();
    let d = degrees(interactions);
    let scaled = |sums: Vec<Vec<f64>>, source: f64, target: f64| -> Vec<Vec<f64>> {
        let weight = |i: usize, j: usize| sums[i][j] * d[i].powf(-source) * d[j].powf(-target);
        (0..items).map(|i| (0..items).map(|j| weight(i, j)).collect()).collect()
    };
    match method {
        NeighbourMethod::Filter => scaled(cooccurrences(interactions, |n| n.powf(-0.65)), 0.7, 0.3),
        NeighbourMethod::Cosine => scaled(cooccurrences(interactions, |_| 1.0), 0.5, 0.5),
        NeighbourMethod::Rp3 => scaled(cooccurrences(interactions, |n| 1.0 / n), 1.0, 0.6),
        NeighbourMethod::TfIdf => {
            let sums = cooccurrences(interactions, |n| (1.0 + items as f64 / n).ln().powi(2));
            let norm = |i: usize| sums[i][i].sqrt().max(1e-9);
            (0..items).map(|i| (0..items).map(|j| sums[i][j] / (norm(i) * norm(j))).collect()).collect()
        }
        NeighbourMethod::Ridge => {
            let nearness = scaled(cooccurrences(interactions, |n| n.powf(-0.65)), 0.6, 0.0);
            let gram = scaled(cooccurrences(interactions, |n| n.powf(-0.3)), 0.1, 0.1);
            let mut weights = vec![vec![0.0; items]; items];
            for j in 0..items {
                let mut near: Vec<usize> = (0..items).filter(|&i| i != j && nearness[i][j] > 0.0).collect();
                near.sort_by(|&a, &b| nearness[b][j].total_cmp(&nearness[a][j]));
                near.truncate(considered);
                let entry = |a: usize, b: usize| gram[a][b] + if a == b { 3.0 } else { 0.0 };
                let system = near.iter().map(|&a| near.iter().map(|&b| entry(a, b)).collect()).collect();
                let solution = solve(system, near.iter().map(|&a| gram[a][j]).collect());
                for (&i, x) in near.iter().zip(solution) {
                    weights[i][j] = x * d[i].powf(-0.35) * d[j].powf(0.1);
                }
            }
            weights
        }
    }
}

fn assert_near(found: &[Vec<f64>], expected: &[Vec<f64>], relative: f64, what: &str) {
    let largest = expected.iter().flatten().fold(0.0f64, |largest, value| largest.max(value.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        for (j, (found, expected)) in found.iter().zip(expected).enumerate().filter(|&(j, _)| i != j) {
            assert!((found - expected).abs() <= relative * largest, "{what} {i} {j}: {found} {expected}");
        }
    }
}

#[test]
fn every_method_agrees_with_its_plain_formula() {
    for (seed, considered) in [(1, 100), (2, 100), (3, 17)] {
        let interactions = planted(120, 50, 4, 0.3, seed);
        for method in METHODS {
            let neighbours =
                Neighbours::train(&interactions, &options(method, considered, 1000), &Silent).unwrap();
            let expected = plain(&interactions, method, considered);
            assert_near(&dense(&neighbours), &expected, 1e-5, &format!("{method:?}"));
        }
    }
}

#[test]
fn ease_agrees_with_a_plain_inverse() {
    // There are three blocks of pivots, of which the last is not full.
    let (items, ridge) = (300, 2.5);
    let interactions = planted(400, items, 5, 0.2, 7);
    let mut gram = cooccurrences(&interactions, |_| 1.0);
    (0..items).for_each(|item| gram[item][item] += ridge);
    let column = |j: usize| solve(gram.clone(), (0..items).map(|i| if i == j { 1.0 } else { 0.0 }).collect());
    let wanted = [0, 127, 128, 250, 299];
    let neighbours = Neighbours::ease(&interactions, ridge, items, &Silent).unwrap();
    let found = dense(&neighbours);
    for j in wanted {
        let inverse = column(j);
        let found: Vec<f64> = (0..items).map(|i| found[i][j]).collect();
        let expected: Vec<f64> =
            (0..items).map(|i| if i == j { 0.0 } else { -inverse[i] / inverse[j] }).collect();
        assert_near(&[found], &[expected], 1e-4, "ease");
    }
}

#[test]
fn the_strongest_weights_of_each_source_are_kept() {
    let interactions = planted(150, 60, 3, 0.3, 5);
    let whole = train_all(&interactions, 40, 1000, &Silent).unwrap();
    for kept in [0, 1, 7] {
        for (cut, whole) in train_all(&interactions, 40, kept, &Silent).unwrap().iter().zip(&whole) {
            for source in 0..60 {
                let (targets, weights) = whole.rows().row(source);
                let mut row: Vec<(u32, f32)> = targets.iter().copied().zip(weights.iter().copied()).collect();
                row.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
                row.truncate(kept);
                row.sort_by_key(|weighted| weighted.0);
                let (targets, weights) = cut.rows().row(source);
                let found: Vec<(u32, f32)> = targets.iter().copied().zip(weights.iter().copied()).collect();
                assert_eq!(found, row);
            }
        }
    }
}

#[test]
fn every_method_gives_the_same_bytes_on_one_two_and_four_threads() {
    let interactions = planted(500, 200, 5, 0.2, 3);
    let results = [1, 2, 4].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train_all(&interactions, 60, 20, &Silent).unwrap())
    });
    assert!(results[0] == results[1] && results[0] == results[2]);
}

#[test]
fn every_method_can_be_cancelled_at_any_moment() {
    let interactions = planted(200, 150, 4, 0.2, 1);
    let counter = CancelAfter::new(usize::MAX);
    train_all(&interactions, 30, 10, &counter).unwrap();
    let questions = counter.asked();
    assert!(questions > 6 * 150, "{questions}");
    for moment in (0..questions - 1).step_by(questions / 40) {
        let stop = CancelAfter::new(moment);
        let result = train_all(&interactions, 30, 10, &stop);
        assert_eq!(result.err(), Some(EngineError::Cancelled), "at {moment} of {questions}");
    }
}

fn interactions(items: usize, histories: &[Vec<u32>]) -> Interactions {
    let mut starts = vec![0];
    let mut columns = Vec::new();
    for history in histories {
        columns.extend_from_slice(history);
        starts.push(columns.len());
    }
    let values = vec![1.0; columns.len()];
    Interactions::new(SparseRows::new(items, starts, columns, values).unwrap())
}

#[test]
fn degenerate_interactions_have_neighbours_too() {
    let alike: Vec<Vec<u32>> = vec![(0..40).collect(); 90];
    for (items, histories) in [
        (0, vec![]),
        (0, vec![vec![], vec![]]),
        (3, vec![]),
        (1, vec![vec![0]]),
        (4, vec![vec![], vec![1, 3], vec![]]),
        (2, vec![vec![0], vec![1]]),
        (40, alike),
    ] {
        let interactions = interactions(items, &histories);
        for neighbours in train_all(&interactions, 20, 10, &Silent).unwrap() {
            assert_eq!(neighbours.rows().rows(), items);
            assert!(dense(&neighbours).iter().flatten().all(|weight| weight.is_finite()));
            let history: Vec<u32> = (0..items as u32 + 2).collect();
            let mut scratch = NeighbourScratch::default();
            assert!(neighbours.score(&history, &mut scratch).1.iter().all(|score| score.is_finite()));
        }
    }
}

#[test]
fn rows_of_another_shape_are_refused() {
    let rows = SparseRows::new(3, vec![0, 1], vec![2], vec![1.0]).unwrap();
    assert!(matches!(Neighbours::from_rows(rows), Err(EngineError::Shape { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_score_is_the_plain_sum_of_weights(
        histories in proptest::collection::vec(proptest::collection::vec(0u32..130, 0..12), 1..5),
        seed in 0u64..20,
    ) {
        let neighbours = Neighbours::train(
            &planted(60, 130, 3, 0.2, seed),
            &options(NeighbourMethod::Ridge, 20, 15),
            &Silent,
        ).unwrap();
        let weights = dense(&neighbours);
        let mut scratch = NeighbourScratch::default();
        for history in histories {
            let mut expected = vec![0.0; 130];
            let mut touched = [false; 130];
            for &item in &history {
                (0..130).for_each(|j| expected[j] += weights[item as usize][j]);
                neighbours.rows().row(item as usize).0.iter().for_each(|&j| touched[j as usize] = true);
            }
            let (items, scores) = neighbours.score(&history, &mut scratch);
            let all: Vec<u32> = (0..130).filter(|&j| touched[j as usize]).collect();
            prop_assert_eq!(items, all);
            for (&item, &score) in items.iter().zip(scores) {
                prop_assert!((f64::from(score) - expected[item as usize]).abs() < 1e-5);
            }
        }
    }
}
