//! Tests repeated measurements of recipes: folds, comparisons and trials of a study.

#![allow(clippy::unwrap_used, missing_docs)]

use segrec_engine::Silent;
use segrec_engine::evaluation::{Holdout, MetricRow};
use segrec_engine::interactions::{Events, Id, IdKind, RawEvents};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::seed::mix;
use segrec_engine::study::compare::compare;
use segrec_engine::study::evaluate::{evaluate, over_folds, validate};
use segrec_engine::study::trial::{Objective, trial};
use segrec_engine::training::{Given, UserData, train};
use serde_json::{Value, json};

const USERS: u64 = 240;
const ITEMS: u64 = 60;

/// Users belong to one of four tastes and have a third of its items and few others, with ratings from 1 to 5.
fn events() -> Events {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
    for user in 0..USERS {
        for item in 0..ITEMS {
            let chance = mix(user * 1_000 + item) % 100;
            let own = user % 4 == item % 4;
            if chance < if own { 33 } else { 2 } {
                let rating = if own { 3 + (user + item / 4) % 3 } else { 1 + chance };
                raw.push(Id::Bigint(user as i64), Id::Bigint(item as i64), rating as f32, 0);
            }
        }
    }
    Events::new(raw, options(json!({})).events.limits(), &Silent).unwrap()
}

fn options(given: Value) -> Options {
    let mut all = json!({"als": {"factors": 8}, "segmentation": {"segments": 4}});
    segrec_engine::options::merge_options(&mut all, &given);
    parse_options(&all).unwrap()
}

fn value(rows: &[MetricRow], metric: &str, k: usize) -> (f64, f64) {
    let row = rows.iter().find(|row| (row.metric, row.k, row.segment) == (metric, k, None)).unwrap();
    (row.value, row.baseline)
}

#[test]
fn an_evaluation_is_what_the_training_of_that_recipe_measured() {
    let events = events();
    let described = UserData::users_of(&events);
    let given = Given::new(&events, &described);
    let options = options(json!({}));
    let trained = train(given, &options, None, &Silent).unwrap();
    let decided = options.decided(&trained.decided).with_segments(trained.members.count());
    let evaluation = evaluate(given, &decided, &[5, 20], &Silent).unwrap();
    assert_eq!(value(&evaluation.rows, "ndcg", 20), value(&trained.measurement.rows, "ndcg", 20));
    let (recall_at_5, _) = value(&evaluation.rows, "recall", 5);
    assert!(recall_at_5 > 0.0 && recall_at_5 < value(&evaluation.rows, "recall", 20).0);
    let (area, of_popularity) = value(&evaluation.rows, "auc", 0);
    assert!(area > 0.75 && (0.3..0.7).contains(&of_popularity), "{area} {of_popularity}");
    assert_eq!(evaluation.of_user.len(), events.users().len());
}

#[test]
fn every_algorithm_has_an_area_under_the_curve() {
    let events = events();
    let described = UserData::users_of(&events);
    let given = Given::new(&events, &described);
    for algorithm in ["als", "neighbours", "ease", "popularity"] {
        let options = options(json!({"algorithm": algorithm}));
        let rows = evaluate(given, &options, &[10], &Silent).unwrap().rows;
        let (area, of_popularity) = value(&rows, "auc", 0);
        assert!(area > of_popularity + 0.1, "{algorithm} {area} {of_popularity}");
    }
}

#[test]
fn every_fold_decides_on_a_holdout_of_its_own_training_part_and_ranks_its_test_part() {
    let events = events();
    let described = UserData::users_of(&events);
    let given = Given::new(&events, &described);
    for given_options in [json!({}), json!({"algorithm": "auto"})] {
        let options = options(given_options);
        let folds: Vec<Vec<MetricRow>> =
            (0..3).map(|fold| validate(given, &options, fold, 3, &Silent).unwrap()).collect();
        for rows in &folds {
            let (reached, popular) = value(rows, "ndcg", 10);
            assert!(reached > 2.0 * popular, "{reached} {popular}");
        }
        let over = over_folds(&folds);
        let ndcg = over.iter().find(|row| (row.metric, row.k) == ("ndcg", 10)).unwrap();
        let values: Vec<f64> = folds.iter().map(|rows| value(rows, "ndcg", 10).0).collect();
        let mean = values.iter().sum::<f64>() / 3.0;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
        assert!((ndcg.value - mean).abs() < 1e-12);
        assert!((ndcg.deviation.unwrap() - deviation).abs() < 1e-12);
    }
}

#[test]
fn a_fold_keeps_the_holdout_of_its_training_part() {
    // If folds used the hash of the random holdout, one of them could contain the whole holdout.
    let events = events();
    let options = options(json!({}));
    let seed = segrec_engine::seed::hash_bytes(options.seed, b"folds");
    let weighting = options.weighting(0);
    for fold in 0..5 {
        let outer = Holdout::fold(&events, &weighting, fold, 5, seed, &Silent).unwrap();
        let training = events.select(|user, item, time| outer.is_training(user, item, time));
        let inner = Holdout::new(&training, &weighting, &options.holdout, options.seed, &Silent).unwrap();
        let share = inner.test.entries() as f64 / training.len() as f64;
        assert!((0.07..0.13).contains(&share), "{share}");
    }
}

#[test]
fn a_recipe_does_not_differ_from_itself_and_a_better_one_does() {
    let events = events();
    let described = UserData::users_of(&events);
    let given = Given::new(&events, &described);
    let hybrid = options(json!({}));
    let same = compare(given, [&hybrid, &hybrid], &Silent).unwrap().rows;
    assert_eq!(same.len(), 14);
    for row in &same {
        assert_eq!((row.value - row.other, row.interval), (0.0, Some((0.0, 0.0))), "{row:?}");
    }
    let popularity = options(json!({"algorithm": "popularity", "segmentation": {"method": "none"}}));
    for row in compare(given, [&hybrid, &popularity], &Silent).unwrap().rows {
        assert!(row.interval.unwrap().0 > 0.0 && row.value > row.other, "{row:?}");
    }
}

#[test]
fn ratings_are_compared_and_validated_by_their_errors() {
    let events = events();
    let described = UserData::users_of(&events);
    let given = Given::new(&events, &described);
    let rating = options(json!({"algorithm": "rating", "rating": {"factors": 8}}));
    let none = options(json!({"algorithm": "rating", "rating": {"factors": 1, "sweeps": 1}}));
    let rows = compare(given, [&rating, &none], &Silent).unwrap().rows;
    assert_eq!(rows.iter().map(|row| row.metric).collect::<Vec<_>>(), ["rmse", "mae", "mse"]);
    assert!((rows[0].value.powi(2) - rows[2].value).abs() < 1e-9);
    assert!(rows[0].value < rows[0].other, "{rows:?}");
    let (error, of_biases) = value(&validate(given, &rating, 0, 4, &Silent).unwrap(), "rmse", 0);
    assert!(error < of_biases, "{error} {of_biases}");
}

#[test]
fn a_trial_measures_what_it_is_asked_for_also_on_a_share_of_users() {
    let events = events();
    let described = UserData::users_of(&events);
    let given = Given::new(&events, &described);
    let options = options(json!({}));
    let reach = |metric: &str, share: f64| {
        trial(given, &options, share, &Objective::parse(metric, false).unwrap(), &Silent).unwrap().value
    };
    let trained = train(given, &options, None, &Silent).unwrap();
    assert_eq!(reach("ndcg@20", 1.0), value(&trained.measurement.rows, "ndcg", 20).0);
    assert!(reach("recall@3", 1.0) < reach("recall@30", 1.0));
    let third = reach("ndcg@20", 1.0 / 3.0);
    assert!(third > 0.0 && third != reach("ndcg@20", 1.0));
    let error = trial(given, &options, 1e-9, &Objective::parse("ndcg@10", false).unwrap(), &Silent);
    assert!(error.is_err());
}
