//! Compares the backbone and the segment factors with a plain dense reference, and tests their invariants.

#![allow(clippy::unwrap_used, missing_docs)]

mod reference;

use proptest::prelude::*;
use reference::{options, planted};
use segrec_engine::linalg::gram;
use segrec_engine::scorers::factors::backbone::initial_factors;
use segrec_engine::scorers::factors::{AlsOptions, Backbone, FoldIn, SegmentFactors, Segments, Start};
use segrec_engine::{CancelAfter, EngineError, Matrix, Silent};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The user factors of a backbone are the exact minimum for its item factors, if rows are shorter and if they are
    /// longer than the number of factors.
    #[test]
    fn user_factors_agree_with_the_dense_solution(seed in any::<u64>(), k in 1usize..40) {
        let interactions = planted(60, 80, 4, 0.35, seed);
        let options = options(k);
        let backbone = Backbone::train(&interactions, &options, Start::Random(seed), &Silent).unwrap();
        for user in 0..interactions.users() {
            let (items, confidences) = interactions.by_user().row(user);
            let expected = reference::solve_row(&backbone.item_factors, items, confidences, &options);
            for (found, expected) in backbone.user_factors.row(user).iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "user {user}: {found} {expected}");
            }
        }
    }

    #[test]
    fn whole_training_agrees_with_the_dense_reference(seed in any::<u64>(), k in 1usize..24) {
        let interactions = planted(30, 40, 3, 0.3, seed);
        let options = AlsOptions { sweeps: 3, ..options(k) };
        let backbone = Backbone::train(&interactions, &options, Start::Random(seed), &Silent).unwrap();
        let start = initial_factors(interactions.items(), k, seed);
        let (users, items) = reference::train(&interactions, &options, start);
        // The bases differ by a rotation, which does not affect predictions.
        for user in 0..interactions.users() {
            for item in 0..interactions.items() {
                let found = reference::dot(backbone.user_factors.row(user), backbone.item_factors.row(item));
                let expected = reference::dot(users.row(user), items.row(item));
                prop_assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
        let found = backbone.losses[2];
        let expected = reference::loss(&interactions, &users, &items, &options);
        prop_assert!((found - expected).abs() < 1e-4 * expected, "{found} {expected}");
    }

    /// Items have fewer or more users than there are factors, with each weight of other segments.
    #[test]
    fn segment_item_factors_agree_with_the_dense_reference(
        seed in any::<u64>(),
        k in 1usize..32,
        sharing in prop_oneof![Just(0.0), Just(1.0), 0.01..1.0],
    ) {
        let interactions = planted(80, 60, 3, 0.4, seed);
        let options = AlsOptions { sharing, ..options(k) };
        let backbone = Backbone::train(&interactions, &options, Start::Random(2), &Silent).unwrap();
        let segments = Segments::new((0..80).map(|user| user * 7 % 3).collect(), 3, &interactions);
        let factors =
            SegmentFactors::train(&interactions, &backbone, &segments, &[true; 3], &options, &Silent).unwrap();
        let expected = reference::segment_items(&interactions, &backbone, &segments, &options);
        for segment in 0..3 {
            prop_assert_eq!(factors.item_factors[segment].rows(), segments.items[segment].len());
            for place in 0..segments.items[segment].len() {
                for (found, expected) in
                    factors.item_factors[segment].row(place).iter().zip(&expected[segment][place])
                {
                    prop_assert!((f64::from(*found) - expected).abs() < 2e-3, "{found} {expected}");
                }
            }
        }
    }
}

#[test]
fn every_sweep_lowers_the_loss() {
    for seed in 0..10 {
        let interactions = planted(200, 150, 5, 0.1, seed);
        let backbone = Backbone::train(&interactions, &options(16), Start::Random(seed), &Silent).unwrap();
        for pair in backbone.losses.windows(2) {
            assert!(pair[1] <= pair[0] * (1.0 + 1e-6), "{:?}", backbone.losses);
        }
    }
}

#[test]
fn a_watcher_that_ends_after_three_sweeps_gives_the_factors_of_three_sweeps() {
    let interactions = planted(90, 70, 4, 0.2, 13);
    let three = AlsOptions { sweeps: 3, ..options(12) };
    let expected = Backbone::train(&interactions, &three, Start::Random(5), &Silent).unwrap();
    let mut seen = Vec::new();
    let mut watch = |sweep, users: &Matrix, items: &Matrix| {
        seen.push((sweep, users.clone(), items.clone()));
        Ok(sweep == 3)
    };
    let most = AlsOptions { sweeps: 20, ..three };
    let found = Backbone::train_watched(&interactions, &most, Start::Random(5), &mut watch, &Silent).unwrap();
    assert!(found == expected);
    assert_eq!(found.losses.len(), 3);
    assert_eq!(seen.iter().map(|(sweep, ..)| *sweep).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(seen[2].1 == expected.user_factors && seen[2].2 == expected.item_factors);
}

#[test]
fn an_error_of_the_watcher_ends_the_training() {
    let interactions = planted(30, 20, 2, 0.2, 13);
    let mut watch = |_, _: &Matrix, _: &Matrix| Err(EngineError::Cancelled);
    let found = Backbone::train_watched(&interactions, &options(4), Start::Random(5), &mut watch, &Silent);
    assert_eq!(found, Err(EngineError::Cancelled));
}

#[test]
fn a_warm_start_begins_where_the_earlier_training_ended() {
    let interactions = planted(200, 150, 5, 0.1, 4);
    let most = AlsOptions { sweeps: 30, ..options(16) };
    let cold = Backbone::train(&interactions, &most, Start::Random(1), &Silent).unwrap();
    let start = Start::Items(cold.item_factors.clone());
    let warm = Backbone::train(&interactions, &most, start, &Silent).unwrap();
    let converged = cold.losses[29];
    assert!(warm.losses[0] <= converged * (1.0 + 1e-6), "{} {converged}", warm.losses[0]);
    assert!(cold.losses[0] > converged * 1.01, "{} {converged}", cold.losses[0]);
}

#[test]
fn items_that_a_warm_start_does_not_know_are_learned() {
    let interactions = planted(200, 150, 5, 0.1, 4);
    let most = AlsOptions { sweeps: 30, ..options(16) };
    let cold = Backbone::train(&interactions, &most, Start::Random(1), &Silent).unwrap();
    let mut known = cold.item_factors.clone();
    for item in 100..150 {
        known.row_mut(item).fill(0.0);
    }
    let warm = Backbone::train(&interactions, &most, Start::Items(known), &Silent).unwrap();
    let (found, expected) = (warm.losses[29], cold.losses[29]);
    assert!((found - expected).abs() < 1e-2 * expected, "{found} {expected}");
    // If no factor is known, the start is random.
    let nothing = Start::Items(Matrix::zeros(150, 16));
    let found = Backbone::train(&interactions, &most, nothing, &Silent).unwrap();
    assert!(found == Backbone::train(&interactions, &most, Start::Random(0), &Silent).unwrap());
}

#[test]
fn a_warm_start_of_the_wrong_shape_is_refused() {
    let interactions = planted(30, 20, 2, 0.2, 1);
    for (rows, columns) in [(19, 4), (20, 5)] {
        let start = Start::Items(Matrix::zeros(rows, columns));
        let found = Backbone::train(&interactions, &options(4), start, &Silent);
        assert!(matches!(found, Err(EngineError::Shape { .. })), "{rows} {columns}");
    }
}

#[test]
fn the_same_bytes_on_one_two_and_four_threads() {
    let interactions = planted(900, 700, 6, 0.05, 3);
    let train = || {
        let backbone = Backbone::train(&interactions, &options(24), Start::Random(7), &Silent).unwrap();
        let of_user = (0..900).map(|user| user % 5).collect();
        let segments = Segments::new(of_user, 5, &interactions);
        let factors =
            SegmentFactors::train(&interactions, &backbone, &segments, &[true; 5], &options(24), &Silent)
                .unwrap();
        (backbone, factors)
    };
    let pools =
        [1, 2, 4].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    let results = pools.map(|pool| pool.install(train));
    assert!(results[0] == results[1] && results[1] == results[2]);
}

#[test]
fn fold_in_gives_the_factors_of_training() {
    let interactions = planted(120, 90, 4, 0.2, 11);
    let options = options(20);
    let backbone = Backbone::train(&interactions, &options, Start::Random(1), &Silent).unwrap();
    let base = FoldIn::base(&gram(&backbone.item_factors), options);
    let fold_in = FoldIn::new(&base, interactions.items(), options);
    for user in 0..interactions.users() {
        let (items, confidences) = interactions.by_user().row(user);
        let folded = fold_in.user(&backbone.item_factors, items, confidences, &Silent);
        for (a, b) in folded.iter().zip(backbone.user_factors.row(user)) {
            assert!((a - b).abs() < 1e-4, "user {user}: {a} {b}");
        }
    }
    assert!(fold_in.user(&backbone.item_factors, &[], &[], &Silent).iter().all(|&x| x == 0.0));
}

#[test]
fn one_segment_of_everybody_stays_with_the_backbone() {
    let interactions = planted(300, 200, 4, 0.15, 5);
    let mut options = options(12);
    options.sweeps = 40;
    let backbone = Backbone::train(&interactions, &options, Start::Random(1), &Silent).unwrap();
    let segments = Segments::new(vec![0; 300], 1, &interactions);
    let factors =
        SegmentFactors::train(&interactions, &backbone, &segments, &[true], &options, &Silent).unwrap();
    let (mut difference, mut size) = (0.0, 0.0);
    for user in 0..300 {
        for (place, &item) in segments.items[0].iter().enumerate() {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
            let before = dot(backbone.user_factors.row(user), backbone.item_factors.row(item as usize));
            let after = dot(factors.user_factors.row(user), factors.item_factors[0].row(place));
            difference += (before - after).powi(2);
            size += before.powi(2);
        }
    }
    assert!(difference < 1e-3 * size, "{difference} of {size}");
}

#[test]
fn a_segment_that_is_not_wanted_has_no_factors_and_its_users_keep_theirs() {
    let interactions = planted(80, 60, 3, 0.3, 9);
    let backbone = Backbone::train(&interactions, &options(10), Start::Random(2), &Silent).unwrap();
    let segments = Segments::new((0..80).map(|user| user % 3).collect(), 3, &interactions);
    let wanted = [true, false, true];
    let factors =
        SegmentFactors::train(&interactions, &backbone, &segments, &wanted, &options(10), &Silent).unwrap();
    assert_eq!(factors.item_factors[1].rows(), 0);
    for user in 0..80 {
        let same = factors.user_factors.row(user) == backbone.user_factors.row(user);
        assert_eq!(same, user % 3 == 1, "user {user}");
    }
}

#[test]
fn a_cancelled_training_is_an_error() {
    let interactions = planted(50, 50, 2, 0.2, 1);
    let cancelled = Backbone::train(&interactions, &options(8), Start::Random(1), &CancelAfter::new(0));
    assert_eq!(cancelled, Err(EngineError::Cancelled));
    let backbone = Backbone::train(&interactions, &options(8), Start::Random(1), &Silent).unwrap();
    let segments = Segments::new(vec![0; 50], 1, &interactions);
    let cancelled = SegmentFactors::train(
        &interactions,
        &backbone,
        &segments,
        &[true],
        &options(8),
        &CancelAfter::new(0),
    );
    assert_eq!(cancelled, Err(EngineError::Cancelled));
}

#[test]
fn users_and_items_without_interactions_have_zero_factors() {
    use segrec_engine::interactions::{Interactions, SparseRows};
    let rows = SparseRows::new(3, vec![0, 2, 2, 3], vec![0, 1, 1], vec![1.0; 3]).unwrap();
    let backbone = Backbone::train(&Interactions::new(rows), &options(4), Start::Random(1), &Silent).unwrap();
    assert!(backbone.user_factors.row(1).iter().all(|&x| x == 0.0));
    assert!(backbone.item_factors.row(2).iter().all(|&x| x == 0.0));
    assert!(backbone.user_factors.data().iter().all(|x| x.is_finite()));
}

#[test]
fn matrix_data_of_the_wrong_length_is_refused() {
    assert!(matches!(Matrix::from_data(3, vec![0.0; 4]), Err(EngineError::Shape { .. })));
}
