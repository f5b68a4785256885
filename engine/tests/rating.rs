//! Tests the guarantees of the model of ratings.

#![allow(clippy::unwrap_used, missing_docs)]

use segrec_engine::features::{Cell, Column, ColumnBuilder, ColumnKind, Table};
use segrec_engine::interactions::{Interactions, SparseRows};
use segrec_engine::scorers::ratings::{
    AttributeEncoder, Attributes, RatingFoldIn, RatingModel, RatingOptions,
};
use segrec_engine::seed::mix;
use segrec_engine::{CancelAfter, EngineError, Matrix, Silent};

const USERS: usize = 150;
const ITEMS: usize = 90;
/// The number of users and of items, the last ones, that have no ratings.
const UNRATED: usize = 5;

/// Returns a pseudo-random number between −1 and 1.
fn value(at: usize) -> f32 {
    (mix(at as u64) >> 40) as f32 / (1 << 23) as f32 - 1.0
}

fn group(user: usize) -> usize {
    user % 3
}

/// Returns 3 + b_u + b_i + three products, of which the last depends on the user's group.
fn truth(user: usize, item: usize) -> f32 {
    let user_factor = |d: usize| if d == 2 { group(user) as f32 - 1.0 } else { value(user * 10 + d) };
    let product = |d: usize| user_factor(d) * value(1_000_000 + item * 10 + d);
    3.0 + 0.5 * value(user * 10 + 5)
        + 0.5 * value(1_000_000 + item * 10 + 5)
        + 1.5 * (0..3).map(product).sum::<f32>()
}

fn is_rated(user: usize, item: usize) -> bool {
    user < USERS - UNRATED && item < ITEMS - UNRATED && mix((user * 1_000 + item) as u64 ^ 5) % 5 < 2
}

fn ratings(users: usize, items: usize, rating: impl Fn(usize, usize) -> Option<f32>) -> Interactions {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for user in 0..users {
        for item in 0..items {
            if let Some(rating) = rating(user, item) {
                columns.push(item as u32);
                values.push(rating);
            }
        }
        starts.push(columns.len());
    }
    Interactions::new(SparseRows::new(items, starts, columns, values).unwrap())
}

fn planted() -> Interactions {
    ratings(USERS, ITEMS, |user, item| is_rated(user, item).then(|| truth(user, item)))
}

fn groups() -> Attributes {
    let mut column = ColumnBuilder::new("group", ColumnKind::Category);
    (0..USERS).for_each(|user| column.push(Cell::Text(["a", "b", "c"][group(user)])).unwrap());
    encoded(Table::new(USERS, vec![column.finish()]).unwrap())
}

fn encoded(table: Table) -> Attributes {
    AttributeEncoder::fit(&table, &Silent).unwrap().encode(&table, &Silent).unwrap()
}

fn options() -> RatingOptions {
    RatingOptions { factors: 6, sweeps: 12, user_regularization: 0.2, item_regularization: 0.2 }
}

fn train(ratings: &Interactions, user_attributes: Option<&Attributes>) -> RatingModel {
    RatingModel::train(ratings, user_attributes, None, &options(), 7, &Silent).unwrap()
}

/// Returns the root mean squared error on pairs that were not rated.
fn error(users: std::ops::Range<usize>, predict: impl Fn(usize, usize) -> f32) -> f32 {
    let pairs = || users.clone().flat_map(|user| (0..ITEMS - UNRATED).map(move |item| (user, item)));
    let squares = pairs().filter(|&(user, item)| !is_rated(user, item));
    let squares: Vec<f32> =
        squares.map(|(user, item)| (predict(user, item) - truth(user, item)).powi(2)).collect();
    (squares.iter().sum::<f32>() / squares.len() as f32).sqrt()
}

/// Returns the factors of the items that a user rated, with their patterns and the ratings.
fn history(model: &RatingModel, ratings: &Interactions, user: usize) -> (Matrix, Matrix, Vec<f32>) {
    let (items, values) = ratings.by_user().row(user);
    (model.item_rows.select(items), model.item_patterns.select(items), values.to_vec())
}

fn predicted(model: &RatingModel, user_row: &[f32], item: usize) -> f64 {
    let products = user_row.iter().zip(model.item_rows.row(item));
    model.mean + products.map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>()
}

#[test]
fn planted_ratings_of_low_rank_are_recovered() {
    let model = train(&planted(), None);
    let found = error(0..USERS - UNRATED, |user, item| model.predict(user, item));
    let spread = error(0..USERS - UNRATED, |_, _| model.mean as f32);
    assert!(found < 0.25 * spread, "{found} of {spread}");
    assert!(model.losses.windows(2).skip(2).all(|pair| pair[1] < pair[0] * 1.01), "{:?}", model.losses);
}

#[test]
fn attributes_tell_about_users_without_ratings() {
    let (ratings, groups) = (planted(), groups());
    let (with, without) = (train(&ratings, Some(&groups)), train(&ratings, None));
    let cold = USERS - UNRATED..USERS;
    let [with, without] =
        [with, without].map(|model| error(cold.clone(), |user, item| model.predict(user, item)));
    assert!(with < 0.9 * without, "{with} {without}");
}

#[test]
fn a_fold_in_gives_the_row_of_the_training() {
    let (ratings, groups) = (planted(), groups());
    let model = train(&ratings, Some(&groups));
    let stored: RatingFoldIn = postcard::from_bytes(&postcard::to_stdvec(&model.fold_in).unwrap()).unwrap();
    assert_eq!(stored, model.fold_in);
    for user in 0..USERS {
        let (items, patterns, values) = history(&model, &ratings, user);
        let row = stored.user(&items, &patterns, &values, groups.row(user), &Silent);
        for (found, expected) in row.iter().zip(model.user_rows.row(user)) {
            assert!((found - expected).abs() < 1e-4, "{user}: {found} {expected}");
        }
        assert_eq!(row.len(), options().factors + 2);
    }
}

#[test]
fn contributions_add_up_to_the_prediction() {
    let (ratings, groups) = (planted(), groups());
    let model = train(&ratings, Some(&groups));
    for user in [0, 1, 70, USERS - 1] {
        let (items, patterns, values) = history(&model, &ratings, user);
        for item in [0, 44, ITEMS - 1] {
            let item_row = model.item_rows.row(item);
            let (base, contributions) =
                model.fold_in.contributions(&items, &patterns, &values, groups.row(user), item_row, &Silent);
            assert_eq!(contributions.len(), values.len());
            let sum = base + contributions.iter().sum::<f64>();
            let expected = predicted(&model, model.user_rows.row(user), item);
            assert!((sum - expected).abs() < 1e-3, "{user} {item}: {sum} {expected}");
        }
    }
}

#[test]
fn a_contribution_is_what_a_higher_rating_would_add() {
    let ratings = planted();
    let model = train(&ratings, None);
    let (items, patterns, mut values) = history(&model, &ratings, 3);
    let explain = |values: &[f32]| {
        model.fold_in.contributions(&items, &patterns, values, &[], model.item_rows.row(8), &Silent)
    };
    let (base, before) = explain(&values);
    values[2] += 1.0;
    let (same_base, after) = explain(&values);
    assert_eq!(base, same_base);
    let row = model.fold_in.user(&items, &patterns, &values, &[], &Silent);
    let gained = predicted(&model, &row, 8) - predicted(&model, model.user_rows.row(3), 8);
    assert!((after[2] - before[2] - gained).abs() < 1e-3, "{gained}");
    assert!(before.iter().zip(&after).enumerate().all(|(entry, (x, y))| entry == 2 || x == y));
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let (ratings, groups) = (planted(), groups());
    let models = [1, 2, 4].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(&ratings, Some(&groups)))
    });
    assert_eq!(models[0], models[1]);
    assert_eq!(models[0], models[2]);
}

#[test]
fn the_unit_of_ratings_does_not_matter() {
    let stars = planted();
    let points =
        ratings(USERS, ITEMS, |user, item| is_rated(user, item).then(|| 20.0 * truth(user, item) - 7.0));
    let (stars, points) = (train(&stars, None), train(&points, None));
    for (user, item) in [(0, 0), (70, 44), (USERS - 1, 3), (20, ITEMS - 1)] {
        let expected = 20.0 * stars.predict(user, item) - 7.0;
        assert!(
            (points.predict(user, item) - expected).abs() < 0.1,
            "{} {expected}",
            points.predict(user, item)
        );
    }
}

#[test]
fn training_can_be_cancelled_at_any_moment() {
    let (ratings, groups) = (planted(), groups());
    let run = |at: usize| {
        let observer = CancelAfter::new(at);
        let options = RatingOptions { sweeps: 2, ..options() };
        let trained = RatingModel::train(&ratings, Some(&groups), None, &options, 7, &observer);
        (trained.map(|_| ()), observer.asked())
    };
    let (trained, questions) = run(usize::MAX);
    assert!(trained.is_ok() && questions > 50, "{questions}");
    for at in (0..questions).step_by(7) {
        assert_eq!(run(at).0, Err(EngineError::Cancelled), "at {at} of {questions}");
    }
}

#[test]
fn degenerate_input_gives_finite_predictions_or_a_clear_error() {
    let none = RatingModel::train(&ratings(3, 2, |_, _| None), None, None, &options(), 1, &Silent);
    assert_eq!(none.unwrap_err(), EngineError::NothingToTrainOn { reason: "There are no ratings.".into() });
    for (users, items, rated, name) in [
        (1, 1, 1, "one rating"),
        (1, 9, 9, "one user"),
        (9, 1, 9, "one item"),
        (3, 3, 1, "one rating among users and items without any"),
    ] {
        let of = |user: usize, item: usize| {
            (user * items + item < rated).then(|| 1.0 + ((user + item) % 3) as f32)
        };
        let data = ratings(users, items, of);
        let constant = encoded(Table::new(users, vec![Column::numbers("age", vec![30.0; users])]).unwrap());
        let null = encoded(Table::new(users, vec![Column::numbers("age", vec![f64::NAN; users])]).unwrap());
        for attributes in [None, Some(&constant), Some(&null)] {
            for options in [options(), RatingOptions::default()] {
                let model = RatingModel::train(&data, attributes, None, &options, 1, &Silent).unwrap();
                for (user, item) in (0..users).flat_map(|user| (0..items).map(move |item| (user, item))) {
                    let prediction = model.predict(user, item);
                    assert!((1.0..=3.0).contains(&prediction), "{name}: {prediction}");
                }
            }
        }
    }
}

#[test]
fn constant_ratings_predict_the_constant() {
    for constant in [4.0, 0.0, -3.5] {
        let data = ratings(6, 5, |user, item| ((user + item) % 2 == 0).then_some(constant));
        let model = train(&data, None);
        for (user, item) in [(0, 0), (0, 1), (5, 4)] {
            assert!((predicted(&model, model.user_rows.row(user), item) - f64::from(constant)).abs() < 1e-5);
        }
    }
}

#[test]
fn attributes_of_other_users_are_refused() {
    let few = encoded(Table::new(3, vec![Column::numbers("age", vec![1.0, 2.0, 3.0])]).unwrap());
    let trained = RatingModel::train(&planted(), Some(&few), None, &options(), 1, &Silent);
    let expected = EngineError::Shape { what: "user attributes", expected: USERS, found: 3 };
    assert_eq!(trained.unwrap_err(), expected);
}
