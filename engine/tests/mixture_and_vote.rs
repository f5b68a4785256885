//! Tests the guarantees of mixtures and votes on any data: results are the same bytes every time, numbers are finite,
//! and cancellation ends the work.

#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use segrec_engine::segmentation::knn::{KnnClassifier, Vote};
use segrec_engine::segmentation::mixture::Mixture;
use segrec_engine::{CancelAfter, EngineError, Matrix, Observer, Result, Silent, seed};

const GROUPS: usize = 4;

/// Returns rows around the centres of a number of groups, and the group of each row.
fn planted(rows: usize, columns: usize) -> (Matrix, Vec<u32>) {
    let noise = |at: usize| (seed::mix(at as u64) >> 40) as f32 / (1 << 24) as f32 - 0.5;
    let place = |row: usize, column: usize| if row % GROUPS == column % GROUPS { 0.6 } else { 0.0 };
    let data = (0..rows * columns).map(|at| noise(at) + place(at / columns, at % columns)).collect();
    (Matrix::from_data(columns, data).unwrap(), (0..rows).map(|row| (row % GROUPS) as u32).collect())
}

/// Returns a mixture of the rows with its probabilities, and the votes of a third of the rows on all of them.
fn run(
    points: &Matrix,
    groups: &[u32],
    count: usize,
    observer: &dyn Observer,
) -> Result<(Mixture, Vec<Vote>)> {
    let mixture = Mixture::fit(points, groups, count, observer)?;
    let labels: Vec<Option<u32>> =
        groups.iter().zip(0..).map(|(&g, row)| (row % 3 == 0).then_some(g)).collect();
    let votes = KnnClassifier::new(points, &labels, count, 5, 600, 1)?.classify(points, observer)?;
    Ok((mixture, votes))
}

#[test]
fn results_are_the_same_on_one_two_and_four_threads() {
    for columns in [6, 40] {
        let (points, mut groups) = planted(3000, columns);
        groups[..1500].rotate_right(1);
        let results = [1, 2, 4].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (mixture, votes) = run(&points, &groups, GROUPS, &Silent).unwrap();
                (mixture.probabilities(&points), mixture, votes)
            })
        });
        assert!(results[0].1.iterations > 2);
        assert!(results[1] == results[0] && results[2] == results[0]);
    }
}

#[test]
fn mixtures_and_votes_can_be_cancelled_at_any_moment() {
    let (points, groups) = planted(2000, 6);
    let counter = CancelAfter::new(usize::MAX);
    run(&points, &groups, GROUPS, &counter).unwrap();
    let questions = counter.asked();
    assert!(questions > 2000, "{questions}");
    for moment in (0..questions).step_by(questions / 60) {
        let stop = CancelAfter::new(moment);
        let result = run(&points, &groups, GROUPS, &stop);
        assert_eq!(result.err(), Some(EngineError::Cancelled), "at {moment} of {questions}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The rows include single rows and columns, equal rows, constant columns and more components than rows.
    #[test]
    fn any_rows_give_finite_numbers(
        rows in 1usize..40,
        columns in 1usize..40,
        count in 1usize..50,
        distinct in prop_oneof![Just(1u64), Just(2), Just(1000)],
        scale in prop_oneof![Just(1.0f32), Just(1e-30), Just(1e-19), Just(1e15), Just(1e30)],
        constant in 0usize..3,
        salt in any::<u64>(),
    ) {
        let value = |at: usize| {
            let (row, column) = (at / columns, at % columns);
            let pick = seed::mix(salt ^ (row as u64 % distinct * 64 + column as u64)) >> 40;
            if column < constant { scale } else { scale * pick as f32 / (1 << 24) as f32 }
        };
        let points = Matrix::from_data(columns, (0..rows * columns).map(value).collect()).unwrap();
        let groups: Vec<u32> = (0..rows).map(|row| (seed::mix(row as u64 ^ salt) % count as u64) as u32).collect();
        let (mixture, votes) = run(&points, &groups, count, &Silent).unwrap();
        prop_assert!(mixture.log_likelihood.is_finite());
        prop_assert!(mixture.means().data().iter().all(|x| x.is_finite()));
        prop_assert!((mixture.weights().iter().sum::<f64>() - 1.0).abs() < 1e-6);
        for row in 0..rows {
            let sum: f32 = mixture.probabilities_of(points.row(row)).iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-4, "{}", sum);
            prop_assert!((sum - mixture.probabilities(&points).row(row).iter().sum::<f32>()).abs() < 1e-4);
        }
        for vote in votes {
            prop_assert!((vote.label as usize) < count && vote.confidence > 0.0 && vote.distance.is_finite());
        }
    }
}
