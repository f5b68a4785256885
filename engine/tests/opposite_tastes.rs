//! Tests the purpose of segments: groups of users to whom the same items mean different things. Each group divides the
//! items into kinds in its own way, and each user likes one kind. Four factors can represent the four kinds of one
//! group; those of all groups take 1 + 3 · 7 dimensions.

#![allow(clippy::unwrap_used, missing_docs)]

use segrec_engine::Silent;
use segrec_engine::evaluation::standard_error::mean_and_error;
use segrec_engine::features::{Column, Table, Values};
use segrec_engine::interactions::{Events, Id, IdKind, RawEvents};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::seed::mix;
use segrec_engine::training::{Given, Trained, UserData, train};
use serde_json::json;

const KINDS: u64 = 4;
const GROUPS: u64 = 7;
const USERS: u64 = GROUPS * 150;
const ITEMS: u64 = 240;

fn group(user: u64) -> u64 {
    user % GROUPS
}

/// The kind of an item in the division of a group.
fn kind(item: u64, group: u64) -> u64 {
    mix(GROUPS * item + group) % KINDS
}

/// Each user has 20 of 100 items of the kind they like, and 1 of 100 of each other kind.
fn events(options: &Options) -> Events {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
    for user in 0..USERS {
        let liked = mix(user + 500_000) % KINDS;
        for item in 0..ITEMS {
            let chance = if kind(item, group(user)) == liked { 20 } else { 1 };
            if mix(user * ITEMS + item + 1_000_000) % 100 < chance {
                raw.push(Id::Bigint(user as i64), Id::Bigint(item as i64), 1.0, 0);
            }
        }
    }
    Events::new(raw, options.events.limits(), &Silent).unwrap()
}

/// Trains factors alone, as many as a group has kinds, with a segment for each label.
fn trained(label: impl Fn(u64) -> u64) -> Trained {
    let options = parse_options(&json!({
        "algorithm": "als", "als": {"factors": KINDS},
        "segmentation": {"method": "column", "label_column": "group"},
    }))
    .unwrap();
    let events = events(&options);
    assert_eq!(events.users().len() as u64, USERS);
    let codes = (0..USERS as usize)
        .map(|place| {
            let user = (0..USERS).find(|&user| events.users().get(place) == Id::Bigint(user as i64)).unwrap();
            label(user) as u32
        })
        .collect();
    let levels = (0..GROUPS).map(|group| format!("group {group}")).collect();
    let labels = Column { name: "group".to_owned(), values: Values::Category { codes, levels } };
    let table = Table::new(USERS as usize, vec![labels]).unwrap();
    let described = UserData { table, ..UserData::default() };
    let trained = train(Given::new(&events, &described), &options, None, &Silent).unwrap();
    assert_eq!(trained.measurement.gates.len() as u64, GROUPS);
    trained
}

#[test]
fn segments_of_opposite_tastes_rank_clearly_better_than_factors_shared_by_all() {
    let measurement = trained(group).measurement;
    let gains: Vec<f64> =
        measurement.deciding.iter().zip(&measurement.backbone).map(|(own, shared)| own - shared).collect();
    let (gain, error) = mean_and_error(&gains);
    assert!(gain > 3.0 * error, "{gain} ± {error}");
    let passed = measurement.gates.iter().filter(|gate| gate.passed).count();
    assert!(passed >= 5, "{:?}", measurement.gates);
}

#[test]
fn labels_given_at_random_pass_no_gate() {
    let trained = trained(|user| mix(user + 9_000_000) % GROUPS);
    let gates = &trained.measurement.gates;
    assert!(gates.iter().all(|gate| !gate.passed && gate.users > 50), "{gates:?}");
    assert_eq!(trained.measurement.deciding, trained.measurement.backbone);
    assert!(!trained.fit.own_factors.contains(&true));
}
