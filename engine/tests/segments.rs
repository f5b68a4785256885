//! Tests the guarantees of every method of dividing users, for any users including none: each user is in one segment,
//! numbers are finite, results are the same bytes every time, and cancellation ends the work.

#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use segrec_engine::features::{Column, Table, Values};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::training::{Segmented, UserData, segment};
use segrec_engine::{CancelAfter, EngineError, Silent, seed};
use serde_json::json;

const METHODS: [&str; 8] =
    ["kmeans", "hierarchical", "mixture", "density", "optics", "knn", "column", "none"];

fn options(method: &str, more: serde_json::Value) -> Options {
    let mut segmentation = json!({"method": method, "label_column": "label", "starts": 1});
    segmentation.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parse_options(&json!({"segmentation": segmentation})).unwrap()
}

/// Users with numbers and a category that is also a label, with nulls in both.
fn described(rows: &[(f64, f64, Option<u32>)]) -> UserData {
    let levels: Vec<String> = (0..4).map(|level| format!("level {level}")).collect();
    let codes = rows.iter().map(|row| row.2.unwrap_or(u32::MAX)).collect();
    let label = Column { name: "label".to_owned(), values: Values::Category { codes, levels } };
    let columns = vec![
        Column::numbers("a", rows.iter().map(|row| row.0).collect()),
        Column::numbers("b", rows.iter().map(|row| row.1).collect()),
        label,
    ];
    UserData { table: Table::new(rows.len(), columns).unwrap(), ..UserData::default() }
}

/// Three groups of users whose label is their group.
fn planted(users: usize) -> UserData {
    let noise = |n: usize| (seed::mix(n as u64) >> 40) as f64 / f64::from(1 << 24) - 0.5;
    let rows: Vec<(f64, f64, Option<u32>)> = (0..users)
        .map(|user| {
            let group = user % 3;
            let labelled = (user % 5 == 0).then_some(group as u32);
            (10.0 * group as f64 + noise(2 * user), (group % 2) as f64 * 9.0 + noise(2 * user + 1), labelled)
        })
        .collect();
    described(&rows)
}

fn found(segmented: &Segmented) -> (Vec<u32>, String) {
    (segmented.members.segments(), format!("{:?}", segmented.members))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_users_are_divided(
        rows in proptest::collection::vec((
            prop_oneof![Just(f64::NAN), Just(0.0), -1e3..1e3f64, Just(1e300)],
            prop_oneof![Just(5.0), 0.0..3.0f64],
            proptest::option::of(0u32..4),
        ), 0..40),
        segments in 1usize..7,
    ) {
        let described = described(&rows);
        for method in METHODS {
            let counted = ["kmeans", "hierarchical", "mixture"].contains(&method);
            let more = if counted { json!({"segments": segments}) } else { json!({}) };
            let options = options(method, more);
            match segment(&described, None, &options, &Silent) {
                Err(EngineError::NothingToDivideBy { .. }) => {}
                Err(error) => return Err(TestCaseError::fail(format!("{method}: {error}"))),
                Ok(segmented) => {
                    let members = &segmented.members;
                    prop_assert_eq!(members.fits.len(), rows.len());
                    for fit in &members.fits {
                        prop_assert!((fit.segment as usize) < members.count(), "{}", method);
                        prop_assert!(fit.distance.is_finite() && (0.0..=1.0).contains(&fit.confidence), "{method} {fit:?}");
                    }
                    let again = segment(&described, None, &options, &Silent).unwrap();
                    prop_assert_eq!(found(&again), found(&segmented));
                }
            }
        }
    }
}

#[test]
fn planted_groups_are_recovered_whatever_the_method_and_its_threads() {
    let described = planted(900);
    for method in METHODS.into_iter().filter(|&method| method != "column" && method != "none") {
        let results = [1, 2, 4].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let options = options(method, json!({"features": ["a", "b"]}));
            found(&pool.install(|| segment(&described, None, &options, &Silent)).unwrap())
        });
        assert!(results.iter().all(|result| *result == results[0]), "{method}");
        let segments = &results[0].0;
        for user in 3..900 {
            assert_eq!(segments[user], segments[user % 3], "{method}: user {user}");
        }
    }
}

#[test]
fn of_many_users_the_number_of_segments_is_chosen_on_a_sample() {
    let segmented = segment(&planted(24_000), None, &options("kmeans", json!({})), &Silent).unwrap();
    assert_eq!(segmented.members.count(), 3);
    let chosen: Vec<usize> =
        segmented.choices.iter().filter(|choice| choice.chosen).map(|choice| choice.segments).collect();
    assert_eq!(chosen, [3]);
    assert!(segmented.choices.len() > 5);
}

#[test]
fn a_segmentation_can_be_cancelled_at_any_moment() {
    let described = planted(600);
    for method in METHODS.into_iter().filter(|&method| method != "column") {
        let options = options(method, json!({"features": ["a", "b"]}));
        let counter = CancelAfter::new(usize::MAX);
        segment(&described, None, &options, &counter).unwrap();
        let questions = counter.asked();
        assert!(questions > 2, "{method}: {questions}");
        for moment in (0..questions - 1).step_by((questions / 20).max(1)) {
            let stop = CancelAfter::new(moment);
            let result = segment(&described, None, &options, &stop);
            assert_eq!(result.err(), Some(EngineError::Cancelled), "{method} at {moment} of {questions}");
        }
    }
}
