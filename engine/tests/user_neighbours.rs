//! Tests the guarantees of neighbours of users: rows equal those of the plain formulas, results are the same bytes every
//! time, any data has a result, cancellation ends the training, and a hybrid takes them only where they help.

#![allow(clippy::unwrap_used, missing_docs)]

mod reference;

use reference::{planted, solve, uniform};
use segrec_engine::interactions::{
    Events, Id, IdKind, Interactions, RawEvents, SparseRows, SparseView, recency,
};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::scorers::method::{KnownUser, SegmentView, UserRow};
use segrec_engine::scorers::registry::named;
use segrec_engine::scorers::sections::{StoredSection, StoredSections};
use segrec_engine::scorers::user_neighbours::method::NEW_ITEMS;
use segrec_engine::scorers::user_neighbours::{UserNeighbourOptions, rows};
use segrec_engine::training::ranker::Ranker;
use segrec_engine::training::{Given, Trained, UserData, train};
use segrec_engine::{CancelAfter, EngineError, Silent};
use serde_json::{Value, json};
use std::cell::RefCell;

fn options(considered: usize, kept: usize) -> UserNeighbourOptions {
    UserNeighbourOptions { considered, kept, regularization: 2.0, recency: 0.0 }
}

fn row(rows: &SparseRows, user: usize) -> Vec<(u32, f32)> {
    let (items, scores) = rows.row(user);
    items.iter().copied().zip(scores.iter().copied()).collect()
}

/// The positive scores of the items that a user does not have, by the formulas as they are written; `weight` is that of
/// each of the user's own items.
fn plain(
    interactions: &Interactions,
    user: usize,
    considered: usize,
    weight: impl Fn(usize) -> f64,
) -> Vec<(u32, f64)> {
    let has = |user: usize, item: usize| interactions.by_user().row(user).0.contains(&(item as u32));
    let n = |user: usize| interactions.by_user().row_len(user).max(1) as f64;
    let d = |item: usize| interactions.by_item().row_len(item).max(1) as f64;
    let shared = |a: usize, b: usize, exponent: f64| -> f64 {
        (0..interactions.items()).filter(|&i| has(a, i) && has(b, i)).map(|i| d(i).powf(exponent)).sum()
    };
    let own = |v: usize, exponent: f64| -> f64 {
        let both = (0..interactions.items()).filter(|&i| has(user, i) && has(v, i));
        both.map(|i| d(i).powf(exponent) * weight(i)).sum()
    };
    let nearness = |v: usize| n(v).powf(-0.5) * own(v, -0.7);
    let mut near: Vec<usize> =
        (0..interactions.users()).filter(|&v| v != user && nearness(v) > 0.0).collect();
    near.sort_by(|&a, &b| nearness(b).total_cmp(&nearness(a)));
    near.truncate(considered);
    let gram = |v: usize, w: usize| (n(v) * n(w)).powf(-0.3) * shared(v, w, -0.3);
    let entry = |v: usize, w: usize| gram(v, w) + if v == w { 2.0 } else { 0.0 };
    let system = near.iter().map(|&v| near.iter().map(|&w| entry(v, w)).collect()).collect();
    let weights = solve(system, near.iter().map(|&v| (n(v) * n(user)).powf(-0.3) * own(v, -0.3)).collect());
    let score = |item: usize| -> f64 {
        let of = near.iter().zip(&weights).filter(|(v, _)| has(**v, item));
        d(item).powf(-0.2) * of.map(|(&v, weight)| weight * n(v).powf(-0.3)).sum::<f64>()
    };
    let scored = (0..interactions.items()).filter(|&item| !has(user, item));
    scored.map(|item| (item as u32, score(item))).filter(|item| item.1 > 0.0).collect()
}

#[test]
fn rows_agree_with_the_plain_formulas() {
    for (seed, considered) in [(1, 200), (2, 200), (3, 17)] {
        let interactions = planted(90, 60, 4, 0.3, seed);
        let found = rows::train(&interactions, None, &options(considered, 1000), &Silent).unwrap();
        for user in 0..90 {
            assert_agrees(&row(&found, user), &plain(&interactions, user, considered, |_| 1.0), user);
        }
    }
}

#[test]
fn recent_items_of_the_user_count_more_and_those_of_neighbours_the_same() {
    let interactions = planted(90, 60, 4, 0.3, 5);
    // The later an item, the higher its number, in steps of two that share a moment.
    let ranks = |user: usize| -> Vec<f32> {
        let times: Vec<i64> =
            interactions.by_user().row(user).0.iter().map(|&item| i64::from(item / 2)).collect();
        recency::ranks(&times)
    };
    let all: Vec<f32> = (0..90).flat_map(ranks).collect();
    let ordered = interactions.clone().ranked(Some(all));
    let recent = UserNeighbourOptions { recency: 1.0, ..options(17, 1000) };
    let found = rows::train(&ordered, None, &recent, &Silent).unwrap();
    for user in 0..90 {
        let (items, ranks) = (interactions.by_user().row(user).0, ranks(user));
        let weights: Vec<f64> = ranks.iter().map(|&rank| 1.0 / (1.0 + f64::from(rank))).collect();
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let weight = |item: usize| {
            items.iter().position(|&own| own as usize == item).map_or(0.0, |place| weights[place] / mean)
        };
        assert_agrees(&row(&found, user), &plain(&interactions, user, 17, weight), user);
    }
    // Without an exponent, or without an order, all count the same.
    let equal = rows::train(&interactions, None, &options(17, 1000), &Silent).unwrap();
    assert_ne!(found, equal);
    assert_eq!(rows::train(&ordered, None, &options(17, 1000), &Silent).unwrap(), equal);
    assert_eq!(rows::train(&interactions, None, &recent, &Silent).unwrap(), equal);
}

/// Compares a user's row with the scores by the plain formulas.
fn assert_agrees(found: &[(u32, f32)], expected: &[(u32, f64)], user: usize) {
    let largest = expected.iter().fold(0.0f64, |largest, item| largest.max(item.1));
    assert!(found.is_sorted_by(|a, b| a.0 < b.0));
    let near = |score: f64, other: f64| (score - other).abs() <= 1e-4 * largest;
    for &(item, score) in expected {
        let own = found.iter().find(|own| own.0 == item).map_or(0.0, |own| f64::from(own.1));
        assert!(near(own, score), "user {user} item {item}: {own} {score}");
    }
    let listed = |item: u32| expected.iter().any(|own| own.0 == item);
    assert!(found.iter().all(|own| listed(own.0) || near(f64::from(own.1), 0.0)));
}

#[test]
fn confidences_do_not_count_and_own_items_are_left_out() {
    let interactions = planted(60, 40, 3, 0.3, 4);
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for user in 0..interactions.users() {
        columns.extend_from_slice(interactions.by_user().row(user).0);
        values.resize(columns.len(), 1.0 + user as f32);
        starts.push(columns.len());
    }
    let weighed = Interactions::new(SparseRows::new(40, starts, columns, values).unwrap());
    let found = rows::train(&interactions, None, &options(20, 1000), &Silent).unwrap();
    assert_eq!(found, rows::train(&weighed, None, &options(20, 1000), &Silent).unwrap());
    assert!(found.entries() > 0);
    for user in 0..60 {
        let own = interactions.by_user().row(user).0;
        assert!(row(&found, user).iter().all(|(item, score)| !own.contains(item) && *score > 0.0));
    }
}

#[test]
fn rows_hold_the_best_items_and_no_more_than_are_kept() {
    let interactions = planted(80, 60, 3, 0.3, 5);
    let whole = rows::train(&interactions, None, &options(30, 1000), &Silent).unwrap();
    for kept in [0, 1, 7] {
        let cut = rows::train(&interactions, None, &options(30, kept), &Silent).unwrap();
        for user in 0..80 {
            let mut best = row(&whole, user);
            best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            best.truncate(kept);
            best.sort_by_key(|item| item.0);
            assert_eq!(row(&cut, user), best);
        }
    }
}

#[test]
fn only_the_users_asked_for_have_rows_and_these_are_the_same() {
    let interactions = planted(80, 60, 3, 0.3, 6);
    let whole = rows::train(&interactions, None, &options(30, 20), &Silent).unwrap();
    for asked in [&[][..], &[0], &[3, 40, 79]] {
        let some = rows::train(&interactions, Some(asked), &options(30, 20), &Silent).unwrap();
        assert_eq!((some.rows(), some.width()), (80, 60));
        for user in 0..80 {
            let expected = if asked.contains(&(user as u32)) { row(&whole, user) } else { Vec::new() };
            assert_eq!(row(&some, user), expected);
        }
    }
}

#[test]
fn one_and_two_threads_give_the_same_bytes() {
    let interactions = planted(500, 200, 5, 0.2, 3);
    let results = [1, 2].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| rows::train(&interactions, None, &options(60, 20), &Silent).unwrap())
    });
    assert!(results[0] == results[1]);
}

#[test]
fn users_without_neighbours_have_empty_rows() {
    for histories in [vec![], vec![vec![]], vec![vec![0]], vec![vec![0], vec![1, 2], vec![], vec![3]]] {
        let mut starts = vec![0];
        let mut columns: Vec<u32> = Vec::new();
        for history in &histories {
            columns.extend(history);
            starts.push(columns.len());
        }
        let values = vec![1.0; columns.len()];
        let interactions = Interactions::new(SparseRows::new(4, starts, columns, values).unwrap());
        let found = rows::train(&interactions, None, &options(20, 10), &Silent).unwrap();
        assert_eq!((found.rows(), found.entries()), (histories.len(), 0));
    }
}

#[test]
fn cancelling_ends_the_work_at_any_moment() {
    let interactions = planted(150, 100, 4, 0.2, 1);
    let counter = CancelAfter::new(usize::MAX);
    rows::train(&interactions, None, &options(30, 10), &counter).unwrap();
    let questions = counter.asked();
    assert!(questions >= 2 * 150, "{questions}");
    for moment in (0..questions - 1).step_by(questions / 20) {
        let stopped = rows::train(&interactions, None, &options(30, 10), &CancelAfter::new(moment));
        assert_eq!(stopped.err(), Some(EngineError::Cancelled), "at {moment} of {questions}");
    }
}

/// A hybrid of few factors, trained on 400 users of four groups with items of their own.
fn trained(user_neighbours: Value, chance_in_group: f64) -> (Trained, Options) {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
    for user in 0..400u64 {
        for item in 0..160u64 {
            let chance = if user % 4 == item % 4 { chance_in_group } else { 0.05 };
            if uniform(9, user << 20 | item) < chance {
                raw.push(Id::Bigint(user as i64), Id::Bigint(item as i64), 1.0, 0);
            }
        }
    }
    let options = json!({
        "als": {"factors": 8, "sweeps": 2, "regularization": 0.01},
        "segmentation": {"method": "none"},
        "neighbours": {"share": 0.3},
        "user_neighbours": user_neighbours
    });
    let options = parse_options(&options).unwrap();
    let events = Events::new(raw, options.events.limits(), &Silent).unwrap();
    let described = UserData::users_of(&events);
    (train(Given::new(&events, &described), &options, None, &Silent).unwrap(), options)
}

#[test]
fn a_hybrid_leaves_them_out_where_they_do_not_help() {
    // What users have is chance.
    let (trained, _) = trained(json!({}), 0.05);
    assert!(!trained.decided.blend.has("user_neighbours"), "{:?}", trained.decided.blend);
    assert_eq!(trained.fit.user_rows(0).count(), 0);
}

#[test]
fn shares_that_are_given_are_those_of_the_blend_and_of_what_was_decided() {
    let (trained, options) = trained(json!({"share": 0.25, "kept": 30}), 0.3);
    let shares: Vec<f32> = trained.decided.blend.0.iter().map(|own| own.share).collect();
    assert_eq!(shares, [1.0, 0.3, 0.25]);
    let decided = options.decided(&trained.decided);
    assert_eq!(decided.user_neighbours.share, segrec_engine::auto::AutoOr::Given(0.25));
}

/// A hybrid of few factors, trained on 400 users who took eight items of one of four groups and then six of another.
fn drifting(order: Value) -> Trained {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
    for user in 0..400u64 {
        for (first, count, group) in [(0, 8, user % 4), (8, 6, user / 4 % 4)] {
            let mut items: Vec<u64> = (0..40).map(|item| 40 * group + item).collect();
            items.sort_by(|&a, &b| uniform(11, user << 20 | a).total_cmp(&uniform(11, user << 20 | b)));
            for (place, item) in items.into_iter().take(count).enumerate() {
                let time = (first + place) as i64;
                raw.push(Id::Bigint(user as i64), Id::Bigint(item as i64), 1.0, time);
            }
        }
    }
    let options = json!({
        "als": {"factors": 8, "sweeps": 2, "regularization": 0.01},
        "segmentation": {"method": "none"},
        "holdout": {"split": "last"},
        "user_neighbours": {"share": 0.2},
        "order": order
    });
    let options = parse_options(&options).unwrap();
    let events = Events::new(raw, options.events.limits(), &Silent).unwrap();
    let described = UserData::users_of(&events);
    train(Given::new(&events, &described), &options, None, &Silent).unwrap()
}

#[test]
fn a_training_weighs_items_in_rows_as_it_does_in_histories() {
    let rows_of = |trained: &Trained, recency: f64| {
        let options = UserNeighbourOptions { recency, ..UserNeighbourOptions::default() };
        let found = rows::train(&trained.interactions, None, &options, &Silent).unwrap();
        (0..400).map(|user| row(&found, user)).collect::<Vec<_>>()
    };
    let kept = |trained: &Trained| -> Vec<Vec<(u32, f32)>> {
        let of_user = |user| {
            let (_, row) = trained.fit.user_rows(user).next().unwrap();
            row.items.iter().copied().zip(row.weights.iter().copied()).collect()
        };
        (0..400).map(of_user).collect()
    };
    let decided = drifting(json!({}));
    assert!(decided.decided.order.weight > 0.0, "{:?}", decided.decided.order);
    assert_eq!(kept(&decided), rows_of(&decided, decided.decided.order.weight));
    let given = drifting(json!({"weight": 0.25, "distance": 0}));
    assert_eq!(kept(&given), rows_of(&given, 0.25));
    let equal = drifting(json!({"weight": 0, "distance": 0}));
    assert_eq!(kept(&equal), rows_of(&equal, 0.0));
    assert_ne!(rows_of(&equal, 0.0), rows_of(&equal, 0.25));
}

#[test]
fn a_row_is_proposed_scored_explained_and_missing_for_whoever_comes_later() {
    let (trained, _) = trained(json!({"share": 0.25, "kept": 30}), 0.3);
    let ranker = Ranker::new(&trained.fit, &trained.interactions, false);
    let scratch = RefCell::default();
    let (scorer, kept) = trained.fit.user_rows(7).next().unwrap();
    assert_eq!((scorer, kept.items.len()), ("user_neighbours", 30));
    let blended = ranker.blended(7, true, &ranker.blend, &scratch);
    let own = &blended.parts[2].scorer;
    assert!(own.proposes());
    let mut proposed = Vec::new();
    own.propose(&mut |items, scores| proposed.extend(items.iter().copied().zip(scores.iter().copied())));
    assert_eq!(proposed, kept.items.iter().copied().zip(kept.weights.iter().copied()).collect::<Vec<_>>());
    let (item, score) = proposed[3];
    assert_eq!(own.scores(&[item, ranker.history(7)[0]]), [score, 0.0]);
    let explained = own.contributions(item, &Silent);
    assert_eq!(explained.base, f64::from(score));
    assert_eq!(explained.of_items, vec![0.0; ranker.history(7).len()]);

    // Served: the row comes with the user, and what is stored of new items is empty.
    let method = named("user_neighbours").unwrap();
    let items = trained.interactions.items();
    let (starts, lengths) = (vec![0; items], vec![0; items]);
    let none = SparseView { starts: &starts, lengths: &lengths, words: &[] };
    let sections = StoredSections::new(vec![(NEW_ITEMS, StoredSection::Sparse(none))]);
    let served = method.open(&sections).unwrap();
    let known = KnownUser { items: ranker.history(7), row: kept, ..KnownUser::default() };
    assert_eq!(served.scorer(SegmentView::default(), known, &scratch).scores(&[item]), [score]);
    let later = KnownUser { row: UserRow::default(), ..known };
    assert_eq!(served.scorer(SegmentView::default(), later, &scratch).scores(&[item]), [0.0]);
}
