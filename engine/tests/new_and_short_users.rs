//! Tests what a training decides about users of whom it has no events or few.

#![allow(clippy::unwrap_used, missing_docs)]

use segrec_engine::Silent;
use segrec_engine::features::{Column, Table};
use segrec_engine::interactions::{Events, Id, IdKind, RawEvents};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::seed::mix;
use segrec_engine::training::{Given, Trained, UserData, train};
use serde_json::{Value, json};

const USERS: u64 = 700;
const ITEMS: u64 = 80;

fn options(given: Value) -> Options {
    let mut all = json!({"als": {"factors": 8}, "segmentation": {"method": "none"}, "algorithm": "als"});
    segrec_engine::options::merge_options(&mut all, &given);
    parse_options(&all).unwrap()
}

fn uniform(seed: u64) -> f64 {
    (mix(seed) >> 11) as f64 / (1u64 << 53) as f64
}

/// Each user has six items at most: of one of eight tastes or, without tastes, such that a few are popular.
fn events(tastes: bool) -> Events {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
    for user in 0..USERS {
        for draw in 0..6 {
            let chance = uniform(user * 64 + draw);
            let item = match tastes {
                true => user % 8 + 8 * (chance * 10.0) as u64,
                false => (ITEMS as f64 * chance.powi(4)) as u64,
            };
            raw.push(Id::Bigint(user as i64), Id::Bigint(item as i64), 1.0, 0);
        }
    }
    Events::new(raw, options(json!({})).events.limits(), &Silent).unwrap()
}

fn trained(events: &Events, table: Table, given: Value) -> Trained {
    let described = UserData { table, ..UserData::users_of(events) };
    train(Given::new(events, &described), &options(given), None, &Silent).unwrap()
}

/// A number of each user that says their taste, or nothing.
fn ages(events: &Events, telling: bool) -> Table {
    let users = events.users().len();
    let age = |user: usize| match (telling, events.users().get(user)) {
        (true, Id::Bigint(id)) => (id % 8) as f64,
        _ => uniform(user as u64 + 9_000_000),
    };
    Table::new(users, vec![Column::numbers("age", (0..users).map(age).collect())]).unwrap()
}

#[test]
fn popularity_is_not_wanted_for_short_histories_where_tastes_tell_items_apart() {
    let measured = |tastes: bool| {
        let events = events(tastes);
        let trained = trained(&events, Table::of_rows(events.users().len()), json!({}));
        let measured = trained.short_histories.unwrap();
        assert_eq!(trained.decided.short_histories, measured.weight);
        assert!((200..=1_000).contains(&measured.users));
        assert_eq!(measured.weight > 0.0, measured.gain > measured.error, "{measured:?}");
        measured.weight
    };
    assert_eq!(measured(true), 0.0);
    measured(false);
}

#[test]
fn attributes_that_tell_tastes_rank_users_without_events_and_others_gain_little() {
    let events = events(true);
    let telling = trained(&events, ages(&events, true), json!({}));
    let columns = telling.attributes.as_ref().unwrap().columns();
    assert!(columns > 8 && telling.decided.attributes == columns);
    let row = &telling.measurement.by_history[0];
    assert!(row.length == 0 && row.row.value > row.row.baseline + 0.2, "{row:?}");
    let rest: Vec<usize> = telling.measurement.by_history[1..].iter().map(|row| row.length).collect();
    assert!(rest.is_sorted() && rest.contains(&5), "{rest:?}");
    let silent = trained(&events, ages(&events, false), json!({}));
    let row = &silent.measurement.by_history[0];
    assert!(row.length == 0 && row.row.value < row.row.baseline + 0.03, "{row:?}");
    assert_eq!(silent.attributes.is_some(), silent.decided.attributes > 0);
    for (given, ranks, measured) in [("attributes", true, true), ("popularity", false, false)] {
        let forced = trained(&events, ages(&events, false), json!({"users": {"new_users": given}}));
        assert_eq!(forced.attributes.is_some(), ranks, "{given}");
        assert_eq!(forced.measurement.by_history[0].length == 0, measured, "{given}");
    }
}
