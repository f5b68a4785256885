//! Tests the guarantees of every part that learns, for any data including none: results are the same bytes every time,
//! numbers are finite, and cancellation ends the training.

#![allow(clippy::unwrap_used, missing_docs)]

mod reference;

use proptest::prelude::*;
use segrec_engine::interactions::{Events, Id, IdKind, Interactions, RawEvents};
use segrec_engine::options::{Algorithm, Options, parse_options};
use segrec_engine::training::{Given, Trained, UserData, train};
use segrec_engine::{CancelAfter, EngineError, Observer, Silent};
use serde_json::json;

fn events(pairs: &[(i64, i64, f32)], options: &Options) -> segrec_engine::Result<Events> {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
    pairs.iter().for_each(|&(user, item, weight)| raw.push(Id::Bigint(user), Id::Bigint(item), weight, 0));
    Events::new(raw, options.events.limits(), &Silent)
}

fn train_events(
    events: &Events,
    options: &Options,
    previous: Option<&Options>,
    observer: &dyn Observer,
) -> segrec_engine::Result<Trained> {
    let described = UserData::users_of(events);
    train(Given::new(events, &described), options, previous, observer)
}

fn pairs_of(interactions: &Interactions) -> Vec<(i64, i64, f32)> {
    (0..interactions.users())
        .flat_map(|user| {
            let (items, weights) = interactions.by_user().row(user);
            items.iter().zip(weights).map(move |(&item, &weight)| (user as i64, i64::from(item), weight))
        })
        .collect()
}

fn options(factors: usize, segments: usize) -> Options {
    parse_options(&json!({"als": {"factors": factors, "sweeps": 3}, "segmentation": {"segments": segments}}))
        .unwrap()
}

/// Excludes neighbours, which a blend might prefer to any factors.
fn factors_alone(options: Options) -> Options {
    Options { algorithm: Algorithm::Als, ..options }
}

fn all_finite(trained: &Trained) -> bool {
    let fit = &trained.fit;
    let matrices = fit.factors.item_factors.iter().chain([
        &fit.backbone.user_factors,
        &fit.backbone.item_factors,
        &fit.factors.user_factors,
        &fit.membership.centroids,
    ]);
    let values = trained.measurement.rows.iter().all(|row| row.value.is_finite() && row.baseline.is_finite());
    let fits = trained.members.fits.iter().all(|fit| fit.distance.is_finite() && fit.confidence.is_finite());
    values && fits && matrices.flat_map(|matrix| matrix.data()).all(|value| value.is_finite())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any small set of events is trained to finite numbers, with each user in one segment, and to the same bytes
    /// again.
    #[test]
    fn any_events_train(
        pairs in proptest::collection::vec((0i64..12, 0i64..9, prop_oneof![Just(1.0f32), 0.001f32..1000.0]), 1..120),
        factors in 1usize..20,
        segments in 1usize..6,
    ) {
        let options = options(factors, segments);
        let events = events(&pairs, &options).unwrap();
        let trained = train_events(&events, &options, None, &Silent).unwrap();
        prop_assert!(all_finite(&trained));
        let fit = &trained.fit;
        let mut members: Vec<u32> = fit.segments.users.iter().flatten().copied().collect();
        members.sort_unstable();
        prop_assert_eq!(members, (0..events.users().len() as u32).collect::<Vec<_>>());
        let again = train_events(&events, &options, None, &Silent).unwrap();
        prop_assert!(again.fit.backbone == fit.backbone && again.fit.factors == fit.factors);
        prop_assert_eq!(again.measurement, trained.measurement);
    }
}

#[test]
fn a_whole_training_is_the_same_on_one_two_and_four_threads() {
    let options = options(16, 5);
    let events = events(&pairs_of(&reference::planted(900, 300, 5, 0.15, 4)), &options).unwrap();
    let results = [1, 2, 4].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train_events(&events, &options, None, &Silent).unwrap())
    });
    for other in &results[1..] {
        assert!(results[0].fit.backbone == other.fit.backbone);
        assert!(results[0].fit.factors == other.fit.factors);
        assert!(results[0].fit.membership == other.fit.membership);
        assert!(results[0].measurement == other.measurement);
    }
}

#[test]
fn a_training_can_be_cancelled_at_any_moment() {
    let options = options(8, 3);
    let events = events(&pairs_of(&reference::planted(400, 200, 4, 0.2, 1)), &options).unwrap();
    let counter = CancelAfter::new(usize::MAX);
    train_events(&events, &options, None, &counter).unwrap();
    let questions = counter.asked();
    assert!(questions > 50, "{questions}");
    for moment in (0..questions - 1).step_by(questions / 40) {
        let stop = CancelAfter::new(moment);
        let result = train_events(&events, &options, None, &stop);
        assert_eq!(result.err(), Some(EngineError::Cancelled), "at {moment} of {questions}");
    }
}

#[test]
fn planted_tastes_make_segments_that_pass_the_gate() {
    // Two factors cannot distinguish twelve tastes, but segments can.
    let interactions = reference::planted(3000, 240, 12, 0.25, 8);
    let options = factors_alone(options(2, 12));
    let events = events(&pairs_of(&interactions), &options).unwrap();
    let trained = train_events(&events, &options, None, &Silent).unwrap();
    let passed = trained.measurement.gates.iter().filter(|gate| gate.passed).count();
    assert!(passed >= 9, "{passed} of {:?}", trained.measurement.gates);
    let gated: f64 = trained.measurement.deciding.iter().sum();
    let backbone: f64 = trained.measurement.backbone.iter().sum();
    assert!(gated > 1.05 * backbone, "{gated} {backbone}");
}

/// At one standard error, a sixth of the data sets in which there is nothing to find would pass by chance.
#[test]
fn without_planted_tastes_the_gate_keeps_the_backbone_nearly_always() {
    let options = factors_alone(options(8, 6));
    let passed = (0..12).filter(|&seed| {
        let interactions = reference::planted(1500, 240, 1, 0.06, seed);
        let events = events(&pairs_of(&interactions), &options).unwrap();
        let gates = train_events(&events, &options, None, &Silent).unwrap().measurement.gates;
        gates.iter().filter(|gate| gate.passed).count() > gates.len() / 2
    });
    let passed = passed.count();
    assert!(passed <= 3, "{passed} of 12");
}

#[test]
fn auto_finds_a_regularization_about_as_good_as_the_best_of_the_grid() {
    let interactions = reference::planted(1200, 300, 6, 0.12, 5);
    let pairs = pairs_of(&interactions);
    let value = |regularization: serde_json::Value| {
        let als = json!({"factors": 32, "regularization": regularization});
        let options = json!({"algorithm": "als", "als": als, "segmentation": {"method": "none"}});
        let options = parse_options(&options).unwrap();
        let events = events(&pairs, &options).unwrap();
        train_events(&events, &options, None, &Silent).unwrap().measurement.deciding_row().unwrap().value
    };
    let given: Vec<f64> =
        [0.001, 0.003, 0.01, 0.03, 0.1, 0.3].iter().map(|&lambda| value(json!(lambda))).collect();
    let best = given.iter().copied().fold(0.0, f64::max);
    let worst = given.iter().copied().fold(1.0, f64::min);
    let auto = value(json!("auto"));
    assert!(auto > 0.97 * best && best > 1.2 * worst, "{auto} of {given:?}");
}
