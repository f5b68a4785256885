//! What attributes promise, on users whose age and country say what they like, and on users of whom they say nothing.

use super::gate::held_out_gain;
use super::*;
use crate::error::EngineError;
use crate::features::{Column, EncoderSettings, Table, Values};
use crate::interactions::{Interactions, SparseRows};
use crate::matrix::Matrix;
use crate::observer::{CancelAfter, Silent};
use crate::seed::mix;

const USERS: usize = 400;
const ITEMS: usize = 60;

fn uniform(seed: u64) -> f64 {
    (mix(seed) >> 11) as f64 / (1u64 << 53) as f64
}

fn country(user: usize) -> usize {
    (mix(user as u64) % 3) as usize
}

fn interactions(telling: bool) -> Interactions {
    let (mut starts, mut columns) = (vec![0], Vec::new());
    for user in 0..USERS {
        let likes = |item: &usize| {
            let own = telling && item % 3 == country(user);
            uniform((user << 32 | item) as u64) < if own { 0.4 } else { 0.1 + 0.002 * *item as f64 }
        };
        columns.extend((0..ITEMS).filter(likes).map(|item| item as u32));
        starts.push(columns.len());
    }
    let values = vec![1.0; columns.len()];
    Interactions::new(SparseRows::new(ITEMS, starts, columns, values).unwrap())
}

fn table() -> Table {
    let codes = (0..USERS).map(|user| country(user) as u32).collect();
    let levels = ["DE", "FR", "IT"].map(str::to_owned).to_vec();
    let columns = vec![
        Column { name: "country".to_owned(), values: Values::Category { codes, levels } },
        Column::numbers("age", (0..USERS).map(|user| 20.0 + 50.0 * uniform(user as u64)).collect()),
        Column::numbers("nothing", vec![f64::NAN; USERS]),
    ];
    Table::new(USERS, columns).unwrap()
}

fn attributes() -> Matrix {
    let points = AttributePoints::fit(&table(), &EncoderSettings::at(0), &Silent).unwrap();
    assert_eq!(points.dimensions(), 3 + 10 + 1);
    assert_eq!(points.left_out().iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["nothing"]);
    points.encode(&table(), &Silent).unwrap()
}

#[test]
fn the_map_satisfies_the_equations_of_the_ridge_regression() {
    let (attributes, interactions) = (attributes(), interactions(true));
    let map = AttributeMap::fit(&attributes, &interactions, |_| true, &Silent).unwrap();
    let columns = attributes.columns();
    let mean: Vec<f64> = (0..columns)
        .map(|c| (0..USERS).map(|user| f64::from(attributes.row(user)[c])).sum::<f64>() / USERS as f64)
        .collect();
    let centred = |user: usize, column: usize| f64::from(attributes.row(user)[column]) - mean[column];
    for item in [0usize, 7, 59] {
        let has = |user: usize| interactions.by_user().row(user).0.binary_search(&(item as u32)).is_ok();
        let popularity = interactions.by_item().row_len(item) as f64 / USERS as f64;
        // V_j from the scores of unit steps, (AᵀA + 100·I) V_j = AᵀR_j.
        let origin: Vec<f32> = mean.iter().map(|&mean| mean as f32).collect();
        assert!((f64::from(map.scores(&origin).unwrap()[item]) - popularity).abs() < 1e-5);
        let weight = |column: usize| {
            let mut step = origin.clone();
            step[column] += 1.0;
            f64::from(map.scores(&step).unwrap()[item]) - popularity
        };
        let weights: Vec<f64> = (0..columns).map(weight).collect();
        for column in 0..columns {
            let product = |user: usize| (0..columns).map(|c| centred(user, c) * weights[c]).sum::<f64>();
            let left: f64 = (0..USERS).map(|user| centred(user, column) * product(user)).sum();
            let right: f64 = (0..USERS).filter(|&user| has(user)).map(|user| centred(user, column)).sum();
            assert!((left + 100.0 * weights[column] - right).abs() < 0.02 * right.abs().max(1.0));
        }
    }
}

#[test]
fn the_gate_passes_attributes_that_tell_and_no_others() {
    let attributes = attributes();
    let all = vec![0; USERS];
    let telling = held_out_gain(&attributes, &all, &interactions(true), 1, &Silent).unwrap();
    assert!(telling.passes() && telling.gain > 0.05, "{telling:?}");
    let silent = held_out_gain(&attributes, &all, &interactions(false), 1, &Silent).unwrap();
    assert!(silent.gain < 0.01, "{silent:?}");
    // What the segments say already is no gain of the attributes.
    let segments: Vec<u32> = (0..USERS).map(|user| country(user) as u32).collect();
    let known = held_out_gain(&attributes, &segments, &interactions(true), 1, &Silent).unwrap();
    assert!(known.gain < telling.gain / 2.0, "{known:?}");
}

#[test]
fn without_attributes_scores_are_popularity() {
    let interactions = interactions(true);
    let map = AttributeMap::fit(&Matrix::default(), &interactions, |_| true, &Silent).unwrap();
    let scores = map.scores(&[]).unwrap();
    assert_eq!(scores[5], interactions.by_item().row_len(5) as f32 / USERS as f32);
    assert!(matches!(map.scores(&[1.0]), Err(EngineError::Shape { .. })));
    let constant = Matrix::from_data(1, vec![3.0; USERS]).unwrap();
    let map = AttributeMap::fit(&constant, &interactions, |_| true, &Silent).unwrap();
    assert_eq!(map.scores(&[9.0]).unwrap(), scores);
    let nobody = AttributeMap::fit(&constant, &interactions, |_| false, &Silent).unwrap();
    assert!(nobody.scores(&[3.0]).unwrap().iter().all(|&score| score == 0.0));
}

#[test]
fn threads_change_nothing_and_cancelling_ends_the_work() {
    let (attributes, interactions) = (attributes(), interactions(true));
    let fit = || AttributeMap::fit(&attributes, &interactions, |_| true, &Silent).unwrap();
    let expected = fit();
    let stored = serde_json::to_string(&expected).unwrap();
    assert_eq!(serde_json::from_str::<AttributeMap>(&stored).unwrap(), expected);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(fit), expected);
    }
    let fewer = attributes.select(&[0, 1]);
    let refused = AttributeMap::fit(&fewer, &interactions, |_| true, &Silent);
    assert!(matches!(refused, Err(EngineError::Shape { .. })));
    for patience in [0, 1, 5] {
        let stopped = held_out_gain(&attributes, &[0; USERS], &interactions, 1, &CancelAfter::new(patience));
        assert_eq!(stopped, Err(EngineError::Cancelled));
    }
}
