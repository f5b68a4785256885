//! What counts as seen, as it is measured.

#![allow(clippy::unwrap_used, missing_docs)]

use segrec_engine::Silent;
use segrec_engine::evaluation::{Holdout, HoldoutOptions, Split, SplitChoice};
use segrec_engine::interactions::{
    Duplicates, EventLimits, Events, Id, IdKind, RawEvents, SeenRule, Weighting,
};

const DAY: i64 = 86_400_000_000;

/// Forty users view four items on the first days. On the last one each buys the first of them, views the second again, and
/// takes an item that they did not have.
fn events(rule: &SeenRule) -> Events {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true).seen_by(rule.clone());
    let mut push = |user: i64, item: i64, day: i64, kind: &str| {
        raw.push(Id::Bigint(user), Id::Bigint(item % 20), 1.0, day * DAY + user);
        if !rule.counts(Some(kind)) {
            raw.set_unseen(false);
        }
    };
    for user in 0..40 {
        (0..4).for_each(|item| push(user, user + item, item, if item == 3 { "buy" } else { "view" }));
        push(user, user, 10, "buy");
        push(user, user + 1, 10, "view");
        push(user, user + 4, 10, "view");
    }
    let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 100 };
    Events::new(raw, limits, &Silent).unwrap()
}

fn held_out(rule: &SeenRule, split: SplitChoice) -> Holdout {
    let events = events(rule);
    let weighting =
        Weighting { duplicates: Duplicates::Sum, half_life: None, anchor: 0, ratings: false, shift: 0.0 };
    let options = HoldoutOptions { split, share: 0.43, last: 1 };
    Holdout::new(&events, &weighting, &options, 42, &Silent).unwrap()
}

#[test]
fn pairs_that_lists_may_have_again_are_predicted_where_they_can_be_on_both_sides() {
    // User 0 has items 0 to 3 before the last day, and 0, 1 and 4 on it.
    let of = |rule: SeenRule| {
        let holdout = held_out(&rule, SplitChoice::Time);
        assert!(matches!(holdout.split, Split::Time { .. }));
        let all = holdout.with_again().unwrap();
        assert_eq!(all.test.row(0).0, [0, 1, 4]);
        [holdout.training.left_out(0), holdout.test.row(0).0, holdout.again.row(0).0].map(<[u32]>::to_vec)
    };
    assert_eq!(of(SeenRule::default()), [vec![0, 1, 2, 3], vec![4], vec![0, 1]]);
    let buys = SeenRule { types: vec!["buy".to_owned()], seconds: None };
    assert_eq!(of(buys.clone()), [vec![3], vec![0, 1, 4], vec![]]);
    // The latest event before the last day is of day 3, so what was viewed on day 0 is older than two and a half days.
    let lately = SeenRule { types: Vec::new(), seconds: Some(2.5 * 86_400.0) };
    assert_eq!(of(lately), [vec![1, 2, 3], vec![0, 4], vec![1]]);
    // By their hash, pairs are on one side, and lists leave out all that users have.
    let holdout = held_out(&buys, SplitChoice::Random);
    let training = &holdout.training;
    assert!((0..40).all(|user| training.left_out(user) == training.seen(user)));
    assert_eq!(holdout.again.entries(), 0);
}
