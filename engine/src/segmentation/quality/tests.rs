//! Compares the measures with those of scikit-learn and with worked examples.

use super::*;
use crate::error::EngineError;
use crate::matrix::Matrix;
use crate::observer::Silent;
use crate::seed::mix;
use proptest::prelude::*;

/// 150 rows around four corners of 19 dimensions, and labels with gaps that fit three quarters of the rows.
fn corners() -> (Matrix, Vec<u32>) {
    let value = |row: usize, column: usize| {
        let noise = (mix((row * 19 + column) as u64) >> 40) as f32 / (1 << 24) as f32;
        noise + if column == row % 4 { 1.0 } else { 0.0 }
    };
    let data = (0..150 * 19).map(|i| value(i / 19, i % 19)).collect();
    let mut labels: Vec<u32> = (0..150).map(|row| if row % 5 == 0 { 7 } else { 3 * (row % 4) }).collect();
    labels[149] = 100;
    (Matrix::from_data(19, data).unwrap(), labels)
}

fn close(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found} {expected}");
}

#[test]
fn figures_agree_with_scikit_learn() {
    // The expected values are those of scikit-learn 1.9.1 for the same rows and labels.
    let (points, labels) = corners();
    close(silhouette_sequential(&points, &labels, &Silent).unwrap(), 0.00406827210273011);
    close(silhouette(&points, &labels, 150, 1, &Silent).unwrap(), 0.00406827210273011);
    close(davies_bouldin(&points, &labels, &Silent).unwrap(), 2.76739891412899);
    close(calinski_harabasz(&points, &labels, &Silent).unwrap(), 10.5452298441138);
    let other: Vec<u32> = (0..150).map(|row| (mix(row) % 3) as u32 + (row as u32 % 4) / 2 * 3).collect();
    close(Some(adjusted_rand(&labels, &other)), 0.162146386737301);
}

#[test]
fn figures_agree_with_a_hand_worked_example() {
    // The clusters are {0, 2} and {10, 12} on a line: their means are 1 and 11, their spreads 1, and the centre is 6.
    let points = Matrix::from_data(1, vec![0.0, 10.0, 2.0, 12.0]).unwrap();
    let labels = [0, 9, 0, 9];
    // a is 2 for all rows; b is 11 for the outer rows and 9 for the inner ones.
    close(silhouette_sequential(&points, &labels, &Silent).unwrap(), (9.0 / 11.0 + 7.0 / 9.0) / 2.0);
    close(davies_bouldin(&points, &labels, &Silent).unwrap(), 2.0 / 10.0);
    // The sum of squares is 4·25 between clusters, over 1, and 4·1 within, over 2.
    close(calinski_harabasz(&points, &labels, &Silent).unwrap(), 50.0);
    // One of two pairs is split: 1 pair is together in both, 1 only in the first, and 4 are apart in both.
    close(Some(adjusted_rand(&[0, 0, 1, 1], &[0, 0, 1, 2])), 2.0 * 4.0 / (2.0 * 5.0 + 1.0 * 4.0));
}

#[test]
fn sampled_silhouettes_are_near_the_exact_one_and_do_not_depend_on_threads() {
    let data = (0..3000).map(|i| (mix(i as u64) >> 40) as f32 / (1 << 24) as f32 + (i % 3) as f32);
    let points = Matrix::from_data(1, data.collect()).unwrap();
    let labels: Vec<u32> = (0..3000).map(|row| row % 3).collect();
    let exact = silhouette_sequential(&points, &labels, &Silent).unwrap().unwrap();
    let sampled = [1, 2, 4].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| silhouette(&points, &labels, 600, 5, &Silent).unwrap().unwrap())
    });
    assert!((sampled[0] - exact).abs() < 0.03 && sampled[0] != exact, "{sampled:?} {exact}");
    assert!(sampled.iter().all(|value| value.to_bits() == sampled[0].to_bits()));
}

#[test]
fn silhouettes_of_several_divisions_are_bit_for_bit_those_of_each() {
    let (points, labels) = corners();
    let few: Vec<u32> = (0..150).map(|row| row % 2).collect();
    let divisions: [&[u32]; 4] = [&labels, &[1; 150], &few, &labels];
    for sample in [60, 150] {
        let together = silhouettes(&points, &divisions, sample, 3, &Silent).unwrap();
        let alone = divisions.map(|of_row| silhouette(&points, of_row, sample, 3, &Silent).unwrap());
        assert_eq!(together, alone);
        assert_eq!(together.iter().flatten().count(), 3);
    }
    let wrong = silhouettes(&points, &[&labels, &few[1..]], 150, 3, &Silent);
    assert_eq!(wrong, Err(EngineError::Shape { what: "labels", expected: 150, found: 149 }));
    assert_eq!(silhouettes(&points, &[], 60, 3, &Silent), Ok(Vec::new()));
}

#[test]
fn what_does_not_divide_has_no_figure_and_equal_rows_are_no_crash() {
    let equal = Matrix::from_data(2, vec![0.5; 8]).unwrap();
    for (points, labels) in [(Matrix::default(), vec![]), (equal.clone(), vec![3; 4])] {
        assert_eq!(silhouette(&points, &labels, 10, 1, &Silent), Ok(None));
        assert_eq!(davies_bouldin(&points, &labels, &Silent), Ok(None));
        assert_eq!(calinski_harabasz(&points, &labels, &Silent), Ok(None));
    }
    assert_eq!(silhouette(&equal, &[0, 0, 1, 1], 0, 1, &Silent), Ok(None));
    assert_eq!(silhouette_sequential(&equal, &[0, 0, 1, 1], &Silent), Ok(Some(0.0)));
    assert_eq!(davies_bouldin(&equal, &[0, 0, 1, 1], &Silent), Ok(Some(0.0)));
    assert_eq!(calinski_harabasz(&equal, &[0, 0, 1, 1], &Silent), Ok(Some(1.0)));
    assert_eq!(silhouette_sequential(&equal, &[0, 1, 2, 3], &Silent), Ok(Some(0.0)));
    assert_eq!(silhouette_sequential(&equal, &[0, 1], &Silent), Ok(None));
    let expected = EngineError::Shape { what: "labels", expected: 4, found: 2 };
    assert_eq!(silhouette(&equal, &[0, 1], 10, 1, &Silent), Err(expected));
}

#[test]
fn trivial_divisions_are_the_same_and_unrelated_ones_are_not() {
    assert_eq!(adjusted_rand(&[], &[]), 1.0);
    assert_eq!(adjusted_rand(&[4, 4, 4], &[1, 1, 1]), 1.0);
    assert_eq!(adjusted_rand(&[1, 2, 3], &[9, 8, 7]), 1.0);
    assert_eq!(adjusted_rand(&[1, 1, 1], &[9, 8, 7]), 0.0);
    assert_eq!(adjusted_rand(&[0, 0, 1, 1], &[0, 1, 0, 1]), -0.5);
}

#[test]
fn stability_is_zero_for_the_same_shares_and_grows_with_the_shift() {
    assert_eq!(population_stability(&[0.5, 0.5], &[20.0, 20.0]), 0.0);
    let shifted = population_stability(&[0.5, 0.5], &[0.6, 0.4]);
    close(Some(shifted), 0.1 * 1.5f64.ln());
    // A new segment had no share before, so the floor is used.
    let appeared = population_stability(&[1.0], &[0.5, 0.5]);
    close(Some(appeared), 0.5 * 2f64.ln() + (0.5 - 1e-4) * (0.5f64 / 1e-4).ln());
    assert_eq!((population_stability(&[], &[]), population_stability(&[0.0], &[0.0])), (0.0, 0.0));
}

proptest! {
    #[test]
    fn contingencies_add_up_in_any_order_and_survive_serialization(
        pairs in proptest::collection::vec((0u32..5, 0u32..4), 1..60),
        cut in 0usize..60,
    ) {
        let of = |pairs: &[(u32, u32)]| {
            let mut counts = Contingency::default();
            pairs.iter().for_each(|&(a, b)| counts.add(a.into(), b.into()).unwrap());
            counts
        };
        let (head, tail) = pairs.split_at(cut.min(pairs.len()));
        let mut merged = of(tail);
        merged.merge(&of(head), |_| Ok::<(), EngineError>(())).unwrap();
        prop_assert_eq!(&merged, &of(&pairs));
        let bytes = serde_json::to_vec(&merged).unwrap();
        prop_assert_eq!(&bytes, &serde_json::to_vec(&of(&pairs)).unwrap());
        prop_assert_eq!(&serde_json::from_slice::<Contingency>(&bytes).unwrap(), &merged);
        let (a, b): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
        let value = adjusted_rand(&a, &b);
        prop_assert_eq!(value, adjusted_rand(&b, &a));
        prop_assert!((-1.0..=1.0).contains(&value));
        prop_assert_eq!(adjusted_rand(&a, &a), 1.0);
    }
}
