//! Tests weights of any size: the training always ends with finite factors, and reports the weights that have no
//! effect.

#![allow(clippy::unwrap_used, missing_docs)]

use segrec_engine::Silent;
use segrec_engine::evaluation::Holdout;
use segrec_engine::interactions::{Events, Id, IdKind, RawEvents};
use segrec_engine::options::{Algorithm, Options, parse_options};
use segrec_engine::seed::mix;
use segrec_engine::training::{Given, Trained, UserData, train};
use serde_json::{Value, json};

const DAY: i64 = 86_400_000_000;

/// Events of 150 users and 60 items in three tastes, with the given weight and day of each pair.
fn events(options: &Options, of_pair: impl Fn(i64, i64) -> (f32, i64)) -> Events {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
    for (user, item) in (0..150).flat_map(|user| (0..60).map(move |item| (user, item))) {
        let chance = mix((user * 1_000 + item) as u64) % 100;
        if chance < if user % 3 == item % 3 { 60 } else { 4 } {
            let (weight, day) = of_pair(user, item);
            raw.push(Id::Bigint(user), Id::Bigint(item), weight, day * DAY);
        }
    }
    Events::new(raw, options.events.limits(), &Silent).unwrap()
}

fn options(given: Value) -> Options {
    let mut all = json!({"als": {"factors": 16}, "segmentation": {"segments": 3}});
    segrec_engine::options::merge_options(&mut all, &given);
    parse_options(&all).unwrap()
}

fn trained(events: &Events, options: &Options) -> Trained {
    train(Given::new(events, &UserData::users_of(events)), options, None, &Silent).unwrap()
}

fn is_finite(trained: &Trained) -> bool {
    let fit = &trained.fit;
    let matrices = fit.factors.item_factors.iter().chain([
        &fit.backbone.user_factors,
        &fit.backbone.item_factors,
        &fit.factors.user_factors,
    ]);
    matrices.flat_map(|matrix| matrix.data()).all(|value| value.is_finite())
}

fn reached(trained: &Trained) -> (f64, f64) {
    let row = trained.measurement.deciding_row().unwrap();
    (row.value, row.baseline)
}

#[test]
fn a_user_with_weights_far_above_all_others_leaves_these_as_they_are() {
    for algorithm in ["als", "popularity", "hybrid"] {
        let options = options(json!({"algorithm": algorithm, "holdout": {"split": "random"}}));
        let usual = trained(&events(&options, |_, _| (1.0, 0)), &options);
        for heavy in [1e4, 1e8, 1e12, 3e38] {
            let weight = |user| if user == 7 { heavy } else { 1.0 };
            let found = trained(&events(&options, |user, _| (weight(user), 0)), &options);
            assert!(is_finite(&found), "{algorithm} {heavy:e}");
            let (value, baseline) = reached(&found);
            assert!(value > 0.9 * reached(&usual).0, "{algorithm} {heavy:e} {value}");
            assert!(value > baseline, "{algorithm} {heavy:e} {value}");
            assert_eq!((found.decided.algorithm, found.interactions.weightless()), (options.algorithm, 0));
        }
    }
}

#[test]
fn every_half_life_ends_with_finite_factors_and_what_counts_nothing_is_counted() {
    for algorithm in ["als", "popularity", "hybrid", "neighbours", "ease"] {
        for (half_life, all_count) in
            [("90 days", true), ("1 day", true), ("1 hour", false), ("1 second", false)]
        {
            let options = options(json!({"algorithm": algorithm, "events": {"half_life": half_life}}));
            let found =
                trained(&events(&options, |user, item| (1.0, (37 * user + 101 * item) % 100)), &options);
            assert!(is_finite(&found), "{algorithm} {half_life}");
            assert_eq!(found.interactions.weightless() == 0, all_count, "{algorithm} {half_life}");
            assert!(found.interactions.entries() > 0);
        }
    }
}

#[test]
fn one_event_in_the_future_changes_no_confidence_of_others() {
    let options = options(json!({"algorithm": "popularity", "events": {"half_life": "3 days"}}));
    let with = |last: i64| {
        let day = |user, item| if (user, item) == (3, 0) { last } else { (37 * user + 101 * item) % 100 };
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true).read_at(200 * DAY);
        for (user, item) in (0..60).flat_map(|user| (0..20).map(move |item| (user, item))) {
            raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, day(user, item) * DAY);
        }
        let events = Events::new(raw, options.events.limits(), &Silent).unwrap();
        let weighting = options.weighting(events.latest());
        events.interactions(&weighting, |_, _, _| true, &Silent).unwrap()
    };
    assert_eq!(with(99), with(100_000));
}

#[test]
fn an_algorithm_that_ranks_worse_than_what_is_popular_gives_way_to_it() {
    // If missing events have no weight, factors only learn that all events occurred.
    let options = options(json!({
        "algorithm": "als",
        "als": {"regularization": 1e-6, "sweeps": 1, "factors": 64, "unobserved_weight": 0},
        "segmentation": {"method": "none"},
        "holdout": {"split": "random", "share": 0.3}
    }));
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
    for (user, item) in (0..400i64).flat_map(|user| (0..200i64).map(move |item| (user, item))) {
        // The less popular an item is, the rarer are its events, for all users alike.
        if mix((user * 1_000 + item) as u64) % 200 < (20 - item / 10).pow(2) as u64 / 4 {
            raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, 0);
        }
    }
    let events = Events::new(raw, options.events.limits(), &Silent).unwrap();
    let found = trained(&events, &options);
    let gave_way = found.gave_way.unwrap();
    assert_eq!((gave_way.algorithm, found.decided.algorithm), (Algorithm::Als, Algorithm::Popularity));
    assert!(gave_way.value < gave_way.baseline);
    let (value, baseline) = reached(&found);
    assert!(value >= baseline);
    let chosen: Vec<(Algorithm, bool)> =
        found.attempts.iter().map(|attempt| (attempt.algorithm, attempt.chosen)).collect();
    assert_eq!(chosen, [(Algorithm::Popularity, true), (Algorithm::Als, false)]);
}

#[test]
fn what_a_user_saw_before_the_holdout_is_no_candidate_in_it() {
    let options = options(json!({"events": {"max_user_events": 3}, "holdout": {"split": "random"}}));
    let events = events(&options, |user, item| (1.0, (37 * user + 101 * item) % 100));
    let weighting = options.weighting(events.latest());
    let holdout = Holdout::new(&events, &weighting, &options.holdout, options.seed, &Silent).unwrap();
    let mut more = 0;
    for user in 0..events.users().len() {
        let (counted, seen) = (holdout.training.by_user().row(user).0, holdout.training.seen(user));
        assert!(counted.len() <= 3 && counted.iter().all(|item| seen.contains(item)));
        assert!(holdout.test.row(user).0.iter().all(|item| !seen.contains(item)));
        more += seen.len() - counted.len();
    }
    assert!(more > 1_000, "{more}");
}
