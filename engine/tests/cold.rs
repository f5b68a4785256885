//! Items and users that are held out whole: what a model says about them, beside what is said without one.
#![allow(clippy::unwrap_used, missing_docs)]

use segrec_engine::evaluation::MetricRow;
use segrec_engine::features::{Cell, Column, ColumnBuilder, ColumnKind, Table};
use segrec_engine::interactions::{EventLimits, Events, Id, IdKind, RawEvents};
use segrec_engine::observer::{CancelAfter, Observer};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::seed::mix;
use segrec_engine::study::cold::{Cold, ColdMetric, measure_items, measure_users, over_cold_folds};
use segrec_engine::training::{Given, UserData, new_items};
use segrec_engine::{EngineError, Silent};
use serde_json::{Value, json};

const ITEMS: i64 = 300;
const USERS: i64 = 400;
const KINDS: i64 = 6;

fn draw(user: i64, item: i64) -> f64 {
    (mix(mix(user as u64) ^ item as u64) >> 11) as f64 / (1u64 << 53) as f64
}

/// Users who choose items of the kind of their number, and now and then others; every fifth item is popular. Item i has
/// events from time 10 i on. Items from [`ITEMS`] on have no events.
fn events(timed: bool, new: i64) -> Events {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, timed);
    for user in 0..USERS {
        for item in 0..ITEMS {
            let chance = if user % KINDS == item % KINDS { 0.35 } else { 0.02 };
            if draw(user, item) < chance * if item % 5 == 0 { 2.0 } else { 0.7 } {
                let later = (3_000.0 * draw(user + USERS, item)) as i64;
                raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, 10 * item + later);
            }
        }
    }
    (ITEMS..ITEMS + new).for_each(|item| raw.push_item(Id::Bigint(item)));
    let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 5000 };
    Events::new(raw, limits, &Silent).unwrap()
}

/// A column that says the kind of each row.
fn kinds(name: &str, rows: usize) -> Column {
    let mut builder = ColumnBuilder::new(name, ColumnKind::Category);
    for row in 0..rows as i64 {
        builder
            .push(Cell::Text(["tent", "novel", "oven", "piano", "tool", "toy"][(row % KINDS) as usize]))
            .unwrap();
    }
    builder.finish()
}

fn described(events: &Events) -> UserData {
    let items = events.items().len();
    let noise = (0..items).map(|item| draw(-1, item as i64)).collect();
    let items = Table::new(items, vec![kinds("kind", items), Column::numbers("noise", noise)]).unwrap();
    let users = events.users().len();
    let ages = (0..users).map(|user| draw(-2, user as i64)).collect();
    let table = Table::new(users, vec![kinds("hobby", users), Column::numbers("age", ages)]).unwrap();
    UserData { items, table, ..UserData::default() }
}

fn options(more: Value) -> Options {
    let mut all = json!({"als": {"factors": 8, "sweeps": 4}, "segmentation": {"method": "none"}});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parse_options(&all).unwrap()
}

fn evaluated(events: &Events, data: &UserData, options: &Options, cold: Cold) -> Vec<ColdMetric> {
    let hidden = cold.hidden(events, options.seed).unwrap();
    measured(events, data, options, cold, hidden, &Silent).unwrap()
}

fn measured(
    events: &Events,
    data: &UserData,
    options: &Options,
    cold: Cold,
    hidden: Vec<bool>,
    observer: &dyn Observer,
) -> segrec_engine::Result<Vec<ColdMetric>> {
    let given = Given::new(events, data);
    match cold {
        Cold::Items => measure_items(given, options, hidden, &[10, 20], observer).map(|(rows, _)| rows),
        Cold::Users => measure_users(given, options, &hidden, &[10, 20], observer),
    }
}

#[track_caller]
fn row<'a>(rows: &'a [ColdMetric], scope: &str, by: &str, metric: &str, k: usize) -> &'a MetricRow {
    let is_asked =
        |row: &&ColdMetric| (row.scope, row.ranked_by, row.row.metric, row.row.k) == (scope, by, metric, k);
    &rows.iter().find(is_asked).unwrap().row
}

#[test]
fn where_content_tells_hidden_items_are_ranked_better_than_at_random_and_by_popularity_of_features() {
    for timed in [true, false] {
        let events = events(timed, 0);
        let data = described(&events);
        let rows = evaluated(&events, &data, &options(json!({"items": {"new_items": 1}})), Cold::Items);
        let hidden = 30;
        let ndcg = |scope, by| row(&rows, scope, by, "ndcg", 20).value;
        for rival in ["random", "feature_popularity"] {
            assert!(ndcg("new_items", "model") > ndcg("new_items", rival) + 0.2, "{rows:?}");
        }
        assert!(ndcg("new_items", "content") > ndcg("new_items", "random") + 0.2);
        assert!(ndcg("catalogue", "model") > ndcg("catalogue", "random") + 0.1);
        let baseline = row(&rows, "new_items", "model", "ndcg", 20).baseline;
        assert_eq!(baseline, ndcg("new_items", "feature_popularity"));
        // Of 30 items, lists of 20 at random show all, and hit two thirds.
        let at_random = row(&rows, "new_items", "random", "recall", 20).value;
        assert!((at_random - 20.0 / f64::from(hidden)).abs() < 0.06, "{at_random}");
        assert_eq!(row(&rows, "new_items", "random", "coverage", 20).value, 1.0);
        let shown = row(&rows, "catalogue", "feature_popularity", "coverage", 10).value;
        assert!(shown > 10.0 / ITEMS as f64 && shown < 0.2, "{shown}");
        assert_eq!(rows.len(), 2 * 4 * 3 * 2);
        for ColdMetric { row, .. } in &rows {
            let (low, high) = row.interval.unwrap();
            assert!(low <= row.value && row.value <= high && row.users > 100, "{row:?}");
        }
    }
}

#[test]
fn hidden_items_that_the_options_leave_out_are_ranked_among_themselves_and_in_no_list_of_the_catalogue() {
    let events = events(true, 0);
    let data = described(&events);
    let [listed, left_out] = [1.0, 0.0].map(|boost| {
        evaluated(&events, &data, &options(json!({"items": {"new_items": boost}})), Cold::Items)
    });
    let of = |rows: &[ColdMetric], scope| row(rows, scope, "model", "recall", 20).value;
    assert_eq!(of(&listed, "new_items"), of(&left_out, "new_items"));
    // The held-out events are those on hidden items and a tenth of the others.
    assert!(of(&left_out, "catalogue") + 0.02 < of(&listed, "catalogue"));
    let shown = row(&left_out, "catalogue", "model", "coverage", 20).value;
    assert!(shown <= 0.9, "{shown}");
}

#[test]
fn what_attributes_tell_about_hidden_users_is_better_than_popularity_and_as_good_as_that_of_their_segment() {
    let events = events(true, 0);
    let data = described(&events);
    for segmentation in [json!({"method": "none"}), json!({"on": "attributes", "segments": 6})] {
        let rows = evaluated(&events, &data, &options(json!({"segmentation": segmentation})), Cold::Users);
        let ndcg = |by| row(&rows, "new_users", by, "ndcg", 20).value;
        assert!(ndcg("attributes") > ndcg("popularity") + 0.1, "{rows:?}");
        assert!(ndcg("segment_popularity") > ndcg("popularity") + 0.05, "{rows:?}");
        assert!(ndcg("popularity") > ndcg("random") + 0.01, "{rows:?}");
        assert_eq!(row(&rows, "new_users", "popularity", "coverage", 20).value, 20.0 / ITEMS as f64);
        assert_eq!(row(&rows, "new_users", "attributes", "recall", 10).users, (USERS / 10) as usize);
        assert_eq!(rows.len(), 4 * 3 * 2);
    }
}

#[test]
fn folds_hide_each_item_and_each_user_once_and_their_mean_and_deviation_are_over_folds() {
    let events = events(true, 5);
    for (cold, members, all) in [(Cold::Items, ITEMS, ITEMS + 5), (Cold::Users, USERS, USERS)] {
        let mut times = vec![0; all as usize];
        for fold in 0..4 {
            let hidden = cold.fold(&events, fold, 4, 7).unwrap();
            assert_eq!(hidden.iter().filter(|&&hidden| hidden).count() as i64, members / 4);
            times.iter_mut().zip(hidden).for_each(|(times, hidden)| *times += i32::from(hidden));
        }
        // Items without events, which are the last ones, are in no fold.
        assert!(times.iter().enumerate().all(|(n, &times)| times == i32::from((n as i64) < members)));
    }
    let data = described(&events);
    let options = options(json!({}));
    let fold = |fold| {
        let hidden = Cold::Users.fold(&events, fold, 2, options.seed).unwrap();
        measured(&events, &data, &options, Cold::Users, hidden, &Silent).unwrap()
    };
    let folds = [fold(0), fold(1)];
    let over = over_cold_folds(&folds);
    assert_eq!(over.len(), folds[0].len());
    let [first, second] = [0, 1].map(|n| row(&folds[n], "new_users", "attributes", "ndcg", 20).value);
    let (_, _, mean) =
        over.iter().find(|(_, by, over)| (*by, over.metric, over.k) == ("attributes", "ndcg", 20)).unwrap();
    assert!((mean.value - (first + second) / 2.0).abs() < 1e-12 && first != second);
    assert!((mean.deviation.unwrap() - (first - second).abs() / 2f64.sqrt()).abs() < 1e-12);
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let events = events(true, 0);
    let data = described(&events);
    let options = options(json!({}));
    for cold in [Cold::Items, Cold::Users] {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| evaluated(&events, &data, &options, cold))
        };
        assert_eq!(with(1), with(3));
    }
}

#[test]
fn nothing_to_tell_by_and_too_little_to_hide_are_errors_that_say_so() {
    let events = events(true, 0);
    let mut data = described(&events);
    let constant = |name, rows| Column::numbers(name, vec![3.0; rows]);
    data.items = Table::new(ITEMS as usize, vec![constant("price", ITEMS as usize)]).unwrap();
    data.table = Table::new(USERS as usize, vec![constant("age", USERS as usize)]).unwrap();
    let options = options(json!({"items": {"new_items": 1}}));
    let reason = |data: &UserData, cold: Cold| {
        let hidden = cold.hidden(&events, 1).unwrap();
        match measured(&events, data, &options, cold, hidden, &Silent) {
            Err(EngineError::NothingToMeasure { reason, hint }) => (reason, hint),
            other => panic!("{other:?}"),
        }
    };
    let (found, hint) = reason(&data, Cold::Items);
    assert_eq!(
        found,
        "No column describes items: \"price\" has the lowest value in nine tenths of the rows."
    );
    assert_eq!(hint, "Add columns to items that tell what they are.");
    assert!(reason(&data, Cold::Users).0.starts_with("No column describes users: \"age\" "));
    let nothing = UserData::users_of(&events);
    assert!(reason(&nothing, Cold::Items).0.starts_with("The relation items has no column that "));
    assert!(reason(&nothing, Cold::Users).0.starts_with("The relation users has no column that "));

    let few = events.select(|user, item, _| user < 199 && item < 199);
    for (cold, counted) in
        [(Cold::Items, "Of 199 items, one in 10"), (Cold::Users, "Of 400 users, one in 30")]
    {
        let found = match cold {
            Cold::Items => cold.hidden(&few, 1),
            Cold::Users => cold.fold(&few, 0, 30, 1),
        };
        let Err(EngineError::NothingToMeasure { reason, .. }) = found else { panic!("{found:?}") };
        assert_eq!(reason, format!("{counted} would be hidden, which must be at least 20."));
    }
    assert!(matches!(Cold::Items.fold(&events, 0, 1, 1), Err(EngineError::Shape { .. })));
}

#[test]
fn an_evaluation_stops_wherever_it_is_cancelled() {
    let events = events(true, 0);
    let data = described(&events);
    let options = options(json!({}));
    for cold in [Cold::Items, Cold::Users] {
        let hidden = cold.hidden(&events, 1).unwrap();
        let patient = CancelAfter::new(usize::MAX);
        measured(&events, &data, &options, cold, hidden.clone(), &patient).unwrap();
        let asked = patient.asked();
        assert!(asked > 100, "{asked}");
        for place in 0..20 {
            let observer = CancelAfter::new(place * asked / 21);
            let ended = measured(&events, &data, &options, cold, hidden.clone(), &observer);
            assert_eq!(ended.unwrap_err(), EngineError::Cancelled, "{cold:?}, {place}");
        }
    }
}

#[test]
fn how_new_items_fare_is_measured_where_their_boost_is_decided() {
    let decided = |described: fn(&Events) -> UserData, boost: Value| {
        let events = events(true, 12);
        let data = described(&events);
        let options = options(json!({"items": {"new_items": boost}}));
        let (events, data, decided) = new_items::decide(events, data, &options, &Silent).unwrap();
        assert!(data.items.columns().is_empty() || events.items().len() == data.items.rows());
        (events.items().len() as i64, decided)
    };
    let (items, passed) = decided(described, json!("auto"));
    assert!(items == ITEMS + 12 && passed.boost > 0.0);
    let value = |metric: &str, k: usize| {
        let row = passed.rows.iter().find(|row| (row.metric, row.k) == (metric, k)).unwrap();
        let (low, high) = row.interval.unwrap();
        assert!(low <= row.value && row.value <= high && row.segment.is_none(), "{row:?}");
        assert_eq!(row.baseline, 0.0);
        row.value
    };
    for k in [10, 20] {
        assert!((0.01..1.0).contains(&value("new_share", k)));
        assert!((0.01..1.0).contains(&value("new_recall", k)));
    }
    assert!(value("new_recall", 20) >= value("new_recall", 10));
    assert_eq!(passed.rows.len(), 4);
    // Given boosts are not measured, and nothing is known of items without columns.
    let (items, given) = decided(described, json!(1.5));
    assert!(items == ITEMS + 12 && given.boost == 1.5 && given.rows.is_empty());
    let (items, unknown) = decided(UserData::users_of, json!("auto"));
    assert!(items == ITEMS && unknown.boost == 0.0 && unknown.rows.is_empty());
}
