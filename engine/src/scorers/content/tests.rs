//! What content promises, beside plain sums.

use super::new_items::{add_own_items, own_weights};
use super::*;
use crate::error::EngineError;
use crate::features::EncodedItems;
use crate::interactions::{Interactions, SparseRows};
use crate::matrix::Matrix;
use crate::observer::{CancelAfter, Silent};
use crate::seed::mix;

fn uniform(seed: u64) -> f32 {
    (mix(seed) >> 40) as f32 / (1 << 24) as f32
}

/// Unit vectors with `width` sparse columns, of which an item has a few, and dense ones; every tenth item is unknown.
fn encoded(items: usize, width: usize, dense_columns: usize, seed: u64) -> EncodedItems {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    let mut dense = Matrix::zeros(if dense_columns > 0 { items } else { 0 }, dense_columns);
    for item in 0..items {
        let at = |column: usize| mix(seed) ^ (item * 1_000 + column) as u64;
        let first = columns.len();
        if item % 10 != 9 {
            columns
                .extend((0..width).filter(|&column| uniform(at(column)) < 0.2).map(|column| column as u32));
            values.extend(columns[first..].iter().map(|&column| uniform(at(column as usize + 300))));
            let row = dense.row_mut(item);
            row.iter_mut().enumerate().for_each(|(column, x)| *x = uniform(at(column + 600)) - 0.5);
        }
        let squares = values[first..].iter().chain(dense.row(item)).map(|x| x * x);
        let length = squares.sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        values[first..].iter_mut().chain(dense.row_mut(item)).for_each(|x| *x /= length);
        starts.push(columns.len());
    }
    EncodedItems::new(SparseRows::new(width, starts, columns, values).unwrap(), dense).unwrap()
}

/// Events of 80 users; every seventh item has none.
fn interactions(items: usize) -> Interactions {
    let (mut starts, mut columns) = (vec![0], Vec::new());
    for user in 0..80 {
        let has = |item: &u32| item % 7 != 6 && uniform((user << 32) | u64::from(*item)) < 0.1;
        columns.extend((0..items as u32).filter(has));
        starts.push(columns.len());
    }
    let values = vec![1.0; columns.len()];
    Interactions::new(SparseRows::new(items, starts, columns, values).unwrap())
}

#[test]
fn the_nearest_are_those_of_all_cosines() {
    for (width, dense) in [(30, 0), (0, 20), (30, 20)] {
        let items = encoded(2_500, width, dense, 1);
        let targets = encoded(70, width, dense, 2);
        let chosen = |item: u32| !item.is_multiple_of(3);
        let index = ContentIndex::new(&items, chosen, &Silent).unwrap();
        let found = index.nearest(&targets, 12, false, &Silent).unwrap();
        for target in 0..70 {
            let cosine = |item: u32| targets.cosine(target, &items, item as usize);
            let mut all: Vec<u32> = (0..2_500).filter(|&item| chosen(item) && cosine(item) > 0.0).collect();
            all.sort_by(|&a, &b| cosine(b).total_cmp(&cosine(a)));
            let (nearest, cosines) = found.row(target);
            assert!(nearest.is_sorted());
            assert_eq!(nearest.len(), all.len().min(12));
            let least = all.get(11).map_or(0.0, |&item| cosine(item));
            for (&item, &found) in nearest.iter().zip(cosines) {
                assert!(chosen(item) && (found - cosine(item)).abs() < 1e-5 && found > least - 1e-5);
            }
        }
    }
}

#[test]
fn no_item_is_its_own_neighbour_and_unknown_ones_have_none() {
    let items = encoded(50, 10, 4, 1);
    let index = ContentIndex::new(&items, |_| true, &Silent).unwrap();
    let nearest = index.nearest(&items, 50, true, &Silent).unwrap();
    for item in 0..50 {
        assert!(nearest.row(item).0.binary_search(&(item as u32)).is_err());
        assert_eq!(nearest.row_len(item) == 0, item % 10 == 9);
    }
    assert_eq!(index.nearest(&items, 0, true, &Silent).unwrap().entries(), 0);
    let none = ContentIndex::new(&items, |_| false, &Silent).unwrap();
    assert_eq!(none.nearest(&items, 5, false, &Silent).unwrap().entries(), 0);
    let one = encoded(1, 10, 4, 1);
    let alone = ContentIndex::new(&one, |_| true, &Silent).unwrap();
    assert_eq!(alone.nearest(&one, 5, true, &Silent).unwrap().entries(), 0);
    assert!(matches!(alone.nearest(&encoded(1, 9, 4, 1), 5, true, &Silent), Err(EngineError::Shape { .. })));
}

#[test]
fn threads_do_not_change_a_bit_and_cancelling_ends_the_work() {
    let (items, interactions) = (encoded(300, 20, 16, 1), interactions(300));
    let factors = Matrix::from_data(5, (0..1_500).map(uniform).collect()).unwrap();
    let all = || {
        let index = ContentIndex::new(&items, |item| item % 7 != 6, &Silent).unwrap();
        let map = FactorMap::fit(&items, &interactions, &factors, &Silent).unwrap();
        let new = ColdItems::new(&items, &map, &index, &interactions.item_users(), &Silent).unwrap();
        (new, similarity::weights(&items, &interactions, 10, &Silent).unwrap())
    };
    let expected = all();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(all), expected);
    }
    let cancelled = CancelAfter::new(0);
    let index = ContentIndex::new(&items, |_| true, &Silent).unwrap();
    assert_eq!(index.nearest(&items, 5, true, &cancelled), Err(EngineError::Cancelled));
    let fitted = FactorMap::fit(&items, &interactions, &factors, &cancelled);
    assert_eq!(fitted, Err(EngineError::Cancelled));
}

/// Solves a small system by Gaussian elimination without pivots, which a positive definite one needs not.
fn solved(mut system: Vec<Vec<f64>>) -> Vec<f64> {
    let n = system.len();
    for pivot in 0..n {
        let scale = system[pivot][pivot];
        system[pivot].iter_mut().for_each(|x| *x /= scale);
        for row in (0..n).filter(|&row| row != pivot) {
            let (factor, from) = (system[row][pivot], system[pivot].clone());
            system[row].iter_mut().zip(from).for_each(|(x, y)| *x -= factor * y);
        }
    }
    system.into_iter().map(|row| row[n]).collect()
}

#[test]
fn the_map_of_factors_solves_the_weighted_ridge_regression() {
    for (width, dense) in [(12, 0), (0, 9), (12, 9)] {
        let (items, interactions) = (encoded(200, width, dense, 3), interactions(200));
        let factors = Matrix::from_data(3, (0..600).map(|at| uniform(at) - 0.3).collect()).unwrap();
        let m = width + dense;
        let value = |item: usize, column: usize| -> f64 {
            let (columns, values) = items.sparse().row(item);
            if column >= width {
                return f64::from(items.dense().row(item)[column - width]);
            }
            columns.binary_search(&(column as u32)).map_or(0.0, |place| f64::from(values[place]))
        };
        let weight = |item: usize| {
            let users = interactions.by_item().row_len(item) as f64;
            users / (users + 10.0)
        };
        let sum = |of: &dyn Fn(usize) -> f64| (0..200).map(|item| weight(item) * of(item)).sum::<f64>();
        let ridge = 0.3 / m as f64 * (0..m).map(|c| sum(&|item| value(item, c).powi(2))).sum::<f64>();
        let map = FactorMap::fit(&items, &interactions, &factors, &Silent).unwrap();
        let found = map.item_factors(&items, &Silent).unwrap();
        for factor in 0..3 {
            let row = |c: usize| -> Vec<f64> {
                let products = (0..m).map(|d| {
                    let ridge = if c == d { ridge } else { 0.0 };
                    sum(&|item| value(item, c) * value(item, d)) + ridge
                });
                let right = sum(&|item| value(item, c) * f64::from(factors.row(item)[factor]));
                products.chain([right]).collect()
            };
            let weights = solved((0..m).map(row).collect());
            for item in 0..200 {
                let expected: f64 = (0..m).map(|c| weights[c] * value(item, c)).sum();
                assert!((f64::from(found.row(item)[factor]) - expected).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn fewer_columns_are_those_that_weigh_most_and_none_map_to_nothing() {
    let (items, interactions) = (encoded(200, 12, 9, 3), interactions(200));
    let factors = Matrix::from_data(3, (0..600).map(uniform).collect()).unwrap();
    let all = FactorMap::fit(&items, &interactions, &factors, &Silent).unwrap();
    let some = FactorMap::fit_columns(&items, &interactions, &factors, 21, &Silent).unwrap();
    assert_eq!(some, all);
    for most in [0, 1, 13] {
        let map = FactorMap::fit_columns(&items, &interactions, &factors, most, &Silent).unwrap();
        let found = map.item_factors(&items, &Silent).unwrap();
        assert!(found.data().iter().all(|value| value.is_finite()));
        assert_eq!(found.data().iter().any(|&value| value != 0.0), most > 0);
    }
    let nothing = encoded(200, 0, 0, 3);
    let map = FactorMap::fit(&nothing, &interactions, &factors, &Silent).unwrap();
    assert!(map.item_factors(&nothing, &Silent).unwrap().data().iter().all(|&value| value == 0.0));
    assert!(matches!(map.item_factors(&items, &Silent), Err(EngineError::Shape { .. })));
}

#[test]
fn neighbour_scores_of_a_new_item_are_those_of_its_nearest() {
    let interactions = interactions(5);
    let nearest = SparseRows::new(5, vec![0, 2, 2], vec![1, 4], vec![0.5, 0.8]).unwrap();
    let shares = new_items::neighbour_shares(&nearest, &interactions.item_users()).unwrap();
    let users = |item: usize| interactions.by_item().row_len(item) as f32;
    let weight = |item: usize, cosine: f32| cosine.powi(4) * users(item) / (users(item) + 10.0);
    let [first, second] = [weight(1, 0.5), weight(4, 0.8)];
    let mut values = vec![0.0, 2.0, 0.0, 0.0, 1.0];
    add_own_items(&mut values, &[4, 9], &own_weights(&interactions.item_users()));
    let own = 0.3 * users(4).powf(-0.4);
    let expected = (first * 2.0 + second * (1.0 + own)) / (first + second);
    let new = ColdItems { factors: Matrix::zeros(2, 1), shares };
    let found = new.neighbour_scores(&values);
    assert!((found[0] - expected).abs() < 1e-6);
    assert_eq!(found[1], 0.0, "nothing is near");
}

#[test]
fn similarities_are_rows_of_sources_that_have_events() {
    let (items, interactions) = (encoded(100, 12, 9, 3), interactions(100));
    let rows = similarity::weights(&items, &interactions, 8, &Silent).unwrap();
    assert_eq!((rows.rows(), rows.width()), (100, 100));
    let mut of_targets = vec![0; 100];
    for source in 0..100 {
        let (targets, weights) = rows.row(source);
        assert!(targets.is_sorted() && (source % 7 != 6 || targets.is_empty()));
        for (&target, &weight) in targets.iter().zip(weights) {
            assert!(target as usize != source && weight > 0.0);
            of_targets[target as usize] += 1;
        }
    }
    assert!((0..100).all(|target| of_targets[target] == if target % 10 == 9 { 0 } else { 8 }));
}

/// Items in groups, with one or two of 400 rare columns of their group and some of 30 common ones, and dense columns that
/// are near to those of their group; `wide` ones are more than a sketch has.
fn grouped(items: usize, sparse: bool, dense_columns: usize) -> EncodedItems {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    let mut dense = Matrix::zeros(if dense_columns > 0 { items } else { 0 }, dense_columns);
    for item in 0..items {
        let at = |place: usize| uniform(mix((item * 1_000 + place) as u64));
        let group = item % 50;
        if sparse {
            let first = columns.len();
            columns.extend((0..30).filter(|&column| at(column) < 0.1).map(|column| column as u32));
            columns.extend((0..8).filter(|&n| at(100 + n) < 0.3).map(|n| (30 + group * 8 + n) as u32));
            values.extend(columns[first..].iter().map(|&column| if column < 30 { 0.2 } else { 0.5 }));
        }
        for column in 0..dense_columns {
            let of_group = uniform(mix((group * 7_000 + column) as u64 ^ 77)) - 0.5;
            dense.row_mut(item)[column] = of_group + 0.7 * (at(200 + column) - 0.5);
        }
        let first = starts[item];
        let squares = values[first..].iter().chain(dense.row(item)).map(|x| x * x);
        let length = squares.sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        values[first..].iter_mut().chain(dense.row_mut(item)).for_each(|x| *x /= length);
        starts.push(columns.len());
    }
    EncodedItems::new(SparseRows::new(430, starts, columns, values).unwrap(), dense).unwrap()
}

#[test]
fn among_many_items_nearly_all_of_the_nearest_are_found_with_their_cosines() {
    for (sparse, dense) in [(true, 0), (false, 20), (false, 160), (true, 160)] {
        let items = grouped(3_000, sparse, dense);
        let chosen = |item: u32| !item.is_multiple_of(3);
        let search = |most_exact| {
            let index = ContentIndex::with(&items, chosen, most_exact, &Silent).unwrap();
            index.nearest(&items, 10, true, &Silent).unwrap()
        };
        let (exact, found) = (search(usize::MAX), search(0));
        let mut hits = 0;
        for target in 0..3_000 {
            let least = exact.row(target).1.iter().copied().fold(1.0, f32::min);
            for (&item, &cosine) in found.row(target).0.iter().zip(found.row(target).1) {
                assert!(chosen(item) && item as usize != target);
                assert!((cosine - items.cosine(target, &items, item as usize)).abs() < 1e-5);
                hits += usize::from(cosine >= least - 1e-5);
            }
        }
        let recall = hits as f64 / exact.entries() as f64;
        assert!(recall > 0.95, "{sparse} {dense}: {recall}");
    }
}

#[test]
fn an_approximate_search_does_not_depend_on_threads_ends_when_cancelled_and_takes_any_items() {
    let items = grouped(2_500, true, 160);
    let search = |observer: &CancelAfter| {
        let index = ContentIndex::with(&items, |_| true, 0, observer)?;
        index.nearest(&items, 5, true, observer)
    };
    let counting = CancelAfter::new(usize::MAX);
    let expected = search(&counting).unwrap();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| search(&CancelAfter::new(usize::MAX)).unwrap()), expected);
    }
    let asked = counting.asked();
    for patience in (0..asked).step_by((asked / 40).max(1)) {
        assert_eq!(search(&CancelAfter::new(patience)), Err(EngineError::Cancelled), "{patience} of {asked}");
    }
    // Duplicates, items of which nothing is known, and none at all.
    let same = EncodedItems::new(
        SparseRows::new(0, vec![0; 6_001], Vec::new(), Vec::new()).unwrap(),
        Matrix::from_data(2, [0.6, 0.8].repeat(6_000)).unwrap(),
    );
    let same = same.unwrap();
    let index = ContentIndex::with(&same, |_| true, 0, &Silent).unwrap();
    let found = index.nearest(&same, 5, true, &Silent).unwrap();
    assert!((0..6_000).all(|item| found.row_len(item) == 5));
    for rows in [0, 1, 40] {
        let nothing = SparseRows::new(9, vec![0; rows + 1], Vec::new(), Vec::new()).unwrap();
        let nothing = EncodedItems::new(nothing, Matrix::zeros(0, 0)).unwrap();
        let index = ContentIndex::with(&nothing, |_| true, 0, &Silent).unwrap();
        assert_eq!(index.nearest(&nothing, 5, true, &Silent).unwrap().entries(), 0);
    }
}
