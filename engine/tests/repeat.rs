//! What users take again: tried only where the latest events take up something again, and then as part of lists.

#![allow(clippy::unwrap_used, missing_docs)]

use segrec_engine::evaluation::{Holdout, Split};
use segrec_engine::interactions::{Events, Id, IdKind, RawEvents};
use segrec_engine::options::checked::Options;
use segrec_engine::options::parse_options;
use segrec_engine::seed::mix;
use segrec_engine::training::ranker::Ranker;
use segrec_engine::training::{Given, Trained, UserData, train};
use segrec_engine::{Silent, training};
use serde_json::{Value, json};

const DAY: i64 = 86_400_000_000;

fn options(repeat: Value) -> Options {
    let options = json!({
        "als": {"factors": 8, "sweeps": 2, "regularization": 0.01}, "segmentation": {"method": "none"},
        "user_neighbours": {"share": 0}, "sasrec": {"share": 0}, "popular_now": {"share": 0},
        "order": {"weight": 0}, "repeat": repeat
    });
    parse_options(&options).unwrap()
}

fn events(rows: impl Iterator<Item = (i64, i64, i64)>) -> Events {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
    rows.for_each(|(user, item, time)| raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, time));
    Events::new(raw, options(json!({})).events.limits(), &Silent).unwrap()
}

fn trained(events: &Events, options: &Options) -> Trained {
    train(Given::new(events, &UserData::users_of(events)), options, None, &Silent).unwrap()
}

fn drawn(user: i64, step: i64, below: u64) -> i64 {
    (mix((user * 1000 + step) as u64) % below) as i64
}

/// Two hundred users of two groups, who take one item of their group's sixty at each of fifty visits; `again` of ten times it is
/// one of three that they took before.
fn visits(again: i64) -> Events {
    let visit = move |user: i64, step: i64| {
        let item = match drawn(user, step + 500, 10) < again {
            true => drawn(user, drawn(user, step + 600, 3), 60),
            false => drawn(user, step, 60),
        };
        (user, item + 60 * (user % 2), (50 * DAY / 50) * step + user)
    };
    events((0..200).flat_map(|user| (0..50).map(move |step| visit(user, step))))
}

/// The items of lists of 20 with what users take again.
fn list(trained: &Trained, repeating: bool, user: u32) -> Vec<u32> {
    let ranker = match repeating {
        true => Ranker::repeating(&trained.fit, &trained.interactions, false),
        false => Ranker::new(&trained.fit, &trained.interactions, false),
    };
    ranker.shared(&[user], 20, &Silent).unwrap()[0].iter().map(|scored| scored.item).collect()
}

#[test]
fn what_users_take_again_returns_and_the_metrics_of_what_is_new_are_those_without_it() {
    let events = visits(7);
    let [auto, never] =
        [json!({"share": "auto"}), json!({"share": 0})].map(|repeat| trained(&events, &options(repeat)));
    assert!(auto.decided.repeat > 0.0 && auto.decided.blend.has("repeat"), "{:?}", auto.decided);
    assert!(never.decided.repeat == 0.0 && !never.decided.blend.has("repeat"));
    let is_new = |row: &&segrec_engine::evaluation::MetricRow| !row.metric.starts_with("repeat_");
    let of_new =
        |trained: &Trained| -> Vec<_> { trained.measurement.rows.iter().filter(is_new).cloned().collect() };
    assert_eq!(of_new(&auto), of_new(&never));
    assert_eq!(auto.measurement.deciding, never.measurement.deciding);
    assert_eq!(of_new(&never).len(), never.measurement.rows.len());
    let row = |metric: &str| {
        let rows = &auto.measurement.rows;
        rows.iter().find(|row| row.metric == metric && row.k == 20).unwrap()
    };
    let ndcg = row("repeat_ndcg");
    assert!(ndcg.value > ndcg.baseline + 0.1, "{ndcg:?}");
    assert!(row("repeat_recall").value > 0.8 && row("repeat_recall").baseline == 0.0);
    assert!(row("repeat_share").value > 0.1 && row("repeat_share").baseline == 0.0);
    assert!(row("repeat_new_recall").value <= row("repeat_new_recall").baseline);
    for user in 0..20 {
        let own = auto.interactions.by_user().row(user).0;
        let has = |list: Vec<u32>| list.iter().filter(|item| own.contains(item)).count();
        let user = user as u32;
        assert!(has(list(&auto, true, user)) >= 3 && has(list(&auto, false, user)) == 0, "{user}");
        assert_eq!(list(&auto, false, user), list(&never, false, user));
    }
    // The same on any number of threads, and when opened again from what is stored.
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = one.install(|| trained(&events, &options(json!({"share": "auto"}))));
    assert_eq!((&alone.decided, &alone.measurement), (&auto.decided, &auto.measurement));
}

#[test]
fn it_is_not_tried_where_hardly_anything_is_taken_again() {
    // Every pair once: 120 items over 50 visits, none of them twice.
    let once = (0..200i64)
        .flat_map(|user| (0..50).map(move |step| (user, (user % 7 + step) % 60, step * DAY + user)));
    let events = events(once);
    let trained = trained(&events, &options(json!({"share": "auto"})));
    assert_eq!((trained.decided.repeat, trained.interactions.repeats()), (0.0, None));
    assert!(!trained.decided.blend.has("repeat"));
    let holdout = |events: &Events| {
        let options = options(json!({"share": "auto"}));
        Holdout::new(events, &options.weighting(events.latest()), &options.holdout, 42, &Silent).unwrap()
    };
    assert!(matches!(holdout(&events).split, Split::Time { .. }));
    assert!(
        !training::repeat::is_tried(&holdout(&events)) && training::repeat::is_tried(&holdout(&visits(7)))
    );
    // The pairs that occur again are those of the training part, and with them nothing else changes.
    let holdout = holdout(&visits(7));
    let both = holdout.with_again().unwrap();
    for user in 0..holdout.test.rows() {
        let again = holdout.again.row(user).0;
        assert!(again.iter().all(|item| holdout.training.by_user().row(user).0.contains(item)));
        let mut items = [holdout.test.row(user).0, again].concat();
        items.sort_unstable();
        assert_eq!(both.test.row(user).0, items);
    }
}

#[test]
fn a_weekly_item_returns_when_it_is_due_and_not_the_day_after() {
    // A hundred users take item 0 every seventh day, each on their own, and one of eighty others every day. A seventh of them
    // missed the last time.
    let weekly = (0..100i64).flat_map(|user| {
        let weeks = if user % 7 == 0 { 29 } else { 30 };
        (0..weeks).map(move |week| (user, 0, (7 * week + user % 7) * DAY))
    });
    let daily = (0..100i64).flat_map(|user| {
        (0..203).map(move |day| (user, 1 + (drawn(user, day, 5) + 7 * user) % 80, day * DAY + 3_600_000_000))
    });
    let trained =
        trained(&events(weekly.chain(daily)), &options(json!({"share": 0.5, "half_life": "30 days"})));
    assert_eq!(trained.decided.repeat, 30.0 * 86_400.0);
    let interactions = &trained.interactions;
    let days = |user: usize| (interactions.repeats_of(user)[0].since / 86_400.0).round();
    let due: Vec<usize> = (0..100).filter(|&user| days(user) == 13.0).collect();
    let just: Vec<usize> = (0..100).filter(|&user| days(user) <= 1.0).collect();
    assert!(due.len() > 10 && just.len() > 10, "{} {}", due.len(), just.len());
    let place = |user: usize| list(&trained, true, user as u32).iter().position(|&item| item == 0);
    let (first, later) = (due.iter().map(|&user| place(user)), just.iter().map(|&user| place(user)));
    let worst = first.map(|place| place.unwrap_or(20)).max().unwrap();
    let best = later.map(|place| place.unwrap_or(20)).min().unwrap();
    assert!(worst < best, "{worst} {best}");
}
