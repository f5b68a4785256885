//! Measures what users take again, on lines of `user,item,seconds` after a header. It trains on the events before a part of
//! the time-ordered events and ranks for the users of the training what they took in this part, of the items of the training:
//! pairs may repeat. Arguments: the file, and the bounds of the part, such as `0.8 0.9` (for choosing) or `0.9 1`.
//!
//! Prints ndcg@10, recall@10 and the recalls of what was taken again and of what was not, the gain in ndcg@10 over personal
//! frequency with its standard error, paired by user.

use rayon::prelude::*;
use segrec_benches::Result;
use segrec_engine::Silent;
use segrec_engine::evaluation::standard_error::mean_and_error;
use segrec_engine::evaluation::{ListMetrics, Metric};
use segrec_engine::interactions::{EventLimits, Events, Id, IdKind, RawEvents, Repeat};
use segrec_engine::matrix::Matrix;
use segrec_engine::options::parse_options;
use segrec_engine::ranking::{Blend, Scored, TopN};
use segrec_engine::scorers::popular_now::RecentCounts;
use segrec_engine::scorers::repeat::method::USUAL_HALF_LIFE;
use segrec_engine::scorers::repeat::rhythms::{rhythms, taken_again};
use segrec_engine::training::ranker::Ranker;
use segrec_engine::training::{Given, UserData, train};
use serde_json::json;
use std::cell::RefCell;

/// The length of the lists.
const LENGTH: usize = 10;

/// Ranks items for a user: all scores, 0 for what is not in the list.
type Ranking<'a> = Box<dyn Fn(u32) -> Vec<u32> + Sync + 'a>;

fn read(path: &str) -> Result<Vec<(i64, i64, i64)>> {
    let row = |line: &str| -> Result<(i64, i64, i64)> {
        let fields: Vec<i64> = line.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?;
        let [user, item, seconds] = fields[..] else { return Err(format!("{line:?} is no event").into()) };
        Ok((user, item, seconds))
    };
    std::fs::read_to_string(path)?.lines().skip(1).map(row).collect()
}

fn best(items: impl Iterator<Item = (u32, f32)>) -> Vec<u32> {
    let mut top = TopN::new(LENGTH);
    items.for_each(|(item, score)| top.push(item, score));
    top.finish().iter().map(|scored| scored.item).collect()
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, from, to] = arguments.as_slice() else { return Err("usage: repeat EVENTS FROM TO".into()) };
    let rows = read(path)?;
    let mut times: Vec<i64> = rows.iter().map(|row| row.2).collect();
    times.sort_unstable();
    let quantile = |share: &str| -> Result<i64> {
        let place = (share.parse::<f64>()? * times.len() as f64) as usize;
        Ok(times.get(place).copied().unwrap_or(i64::MAX))
    };
    let (from, to) = (quantile(from)?, quantile(to)?);
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
    for &(user, item, seconds) in rows.iter().filter(|row| row.2 < from) {
        raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, seconds * 1_000_000);
    }
    let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 5000 };
    let events = Events::new(raw, limits, &Silent)?;
    let numbers = |ids: &segrec_engine::interactions::Ids| -> Vec<i64> {
        (0..ids.len()).filter_map(|n| if let Id::Bigint(id) = ids.get(n) { Some(id) } else { None }).collect()
    };
    let (users, items) = (numbers(events.users()), numbers(events.items()));
    let mut relevant: Vec<Vec<u32>> = vec![Vec::new(); users.len()];
    for &(user, item, _) in rows.iter().filter(|row| (from..to).contains(&row.2)) {
        if let (Ok(user), Ok(item)) = (users.binary_search(&user), items.binary_search(&item)) {
            relevant[user].push(item as u32);
        }
    }
    relevant.iter_mut().for_each(|items| {
        items.sort_unstable();
        items.dedup();
    });

    let trained_with = |options: serde_json::Value| -> Result<_> {
        let options = parse_options(&options).map_err(|problems| format!("{problems:?}"))?;
        Ok(train(Given::new(&events, &UserData::users_of(&events)), &options, None, &Silent)?)
    };
    let trained = trained_with(json!({"repeat": {"share": "auto"}}))?;
    let interactions = &trained.interactions;
    let repeats = interactions.repeats().ok_or("nobody takes anything again")?;
    for own in &trained.decided.blend.0 {
        println!("{} {:.2}", own.scorer, own.share);
    }
    println!("half-life {} days", trained.decided.repeat / 86_400.0);
    for row in trained.measurement.rows.iter().filter(|row| row.metric.starts_with("repeat_")) {
        println!("  own holdout: {}@{} {:.4}, without {:.4}", row.metric, row.k, row.value, row.baseline);
    }

    let ranker = &Ranker::repeating(&trained.fit, interactions, false);
    let without = Ranker::new(&trained.fit, interactions, false);
    let blended = |ranker: &Ranker<'_>, blend: &Blend, user: u32, excluded: &[u32]| -> Vec<u32> {
        let scratch = RefCell::default();
        let list = ranker.blended(user, true, blend, &scratch).best(excluded, None, LENGTH);
        list.iter().map(|scored: &Scored| scored.item).collect()
    };
    let none = &without.blend;
    let own = |user: u32| -> (&[u32], &[Repeat]) {
        (interactions.by_user().row(user as usize).0, interactions.repeats_of(user as usize))
    };
    // Own items by `score`, then what is popular.
    let counts: Vec<f32> = interactions.item_users().iter().map(|&users| users as f32).collect();
    let of_own = |user: u32, score: &dyn Fn(u32, &Repeat) -> f32| {
        let (items, repeats) = own(user);
        let mut scores: Vec<f32> = counts.iter().map(|count| count * 1e-12).collect();
        for (&item, repeat) in items.iter().zip(repeats) {
            scores[item as usize] += score(item, repeat);
        }
        best((0..).zip(scores))
    };
    let recent = RecentCounts::of(interactions, 7.0 * 86_400.0).ok_or("events have no times")?;
    let usual = rhythms(repeats.gaps(), USUAL_HALF_LIFE)?;
    let no_rhythm = usual.data().chunks(3).flat_map(|row| [row[0], row[1], 1.0]).collect();
    let no_rhythm = Matrix::from_data(3, no_rhythm)?;
    let shares = [0.05f32, 0.1, 0.2, 0.35, 0.5];
    let of_share = |share: f32| -> Option<Blend> {
        let found = ranker.blend.0.iter().find(|own| own.scorer == "repeat")?;
        let scale = found.weight * (1.0 - found.share) / found.share;
        Some(none.clone().with("repeat", share / (1.0 - share) * scale, share))
    };
    let mut rankings: Vec<(String, Ranking<'_>)> = vec![
        ("personal frequency".into(), Box::new(|user| of_own(user, &|_, own| own.times))),
        ("popularity".into(), Box::new(|_| best((0..).zip(counts.iter().copied())))),
        ("popular now".into(), Box::new(|_| best((0..).zip(recent.counts().iter().copied())))),
        (
            "frequency × decay".into(),
            Box::new(|user| of_own(user, &|item, own| taken_again(no_rhythm.view(), item, own))),
        ),
        (
            "frequency × decay × due".into(),
            Box::new(|user| of_own(user, &|item, own| taken_again(usual.view(), item, own))),
        ),
        (
            "hybrid without seen items".into(),
            Box::new(|user| blended(&without, none, user, without.seen(user))),
        ),
        ("hybrid with seen items".into(), Box::new(|user| blended(&without, none, user, &[]))),
        (
            "default".into(),
            Box::new(|user| blended(ranker, &ranker.blend, user, &ranker.left_out(user, &ranker.blend))),
        ),
    ];
    for share in shares {
        if let Some(blend) = of_share(share) {
            let ranked = move |user| blended(ranker, &blend, user, &ranker.left_out(user, &blend));
            rankings.push((format!("hybrid + repeat {share}"), Box::new(ranked)));
        }
    }

    let measured: Vec<u32> =
        (0..users.len() as u32).filter(|&user| !relevant[user as usize].is_empty()).collect();
    let has = |user: u32, item: u32| own(user).0.binary_search(&item).is_ok();
    let count = |again: bool| -> usize {
        measured.iter().map(|&u| relevant[u as usize].iter().filter(|i| has(u, **i) == again).count()).sum()
    };
    println!("{} users, {} pairs again, {} new", measured.len(), count(true), count(false));
    println!(
        "{:<28} {:>7} {:>7} {:>9} {:>7} {:>7} {:>16}",
        "", "ndcg@10", "±", "recall@10", "again", "new", "over frequency"
    );
    let mut base: Vec<f64> = Vec::new();
    for (name, ranking) in &rankings {
        let values: Vec<[Option<f64>; 4]> = measured
            .par_iter()
            .map(|&user| {
                let (list, relevant) = (ranking(user), &relevant[user as usize][..]);
                let metrics = ListMetrics::measure(list.iter().copied(), relevant, LENGTH);
                let recall = |again: bool| {
                    let of: Vec<u32> = relevant.iter().copied().filter(|&i| has(user, i) == again).collect();
                    let metric =
                        || ListMetrics::measure(list.iter().copied(), &of, LENGTH).get(Metric::Recall);
                    (!of.is_empty()).then(metric)
                };
                [
                    Some(metrics.get(Metric::Ndcg)),
                    Some(metrics.get(Metric::Recall)),
                    recall(true),
                    recall(false),
                ]
            })
            .collect();
        let of = |place: usize| -> Vec<f64> { values.iter().filter_map(|own| own[place]).collect() };
        let ndcg = of(0);
        if base.is_empty() {
            base.clone_from(&ndcg);
        }
        let gains: Vec<f64> = ndcg.iter().zip(&base).map(|(own, base)| own - base).collect();
        let ((mean, error), (gain, gain_error)) = (mean_and_error(&ndcg), mean_and_error(&gains));
        let [recall, again, new] = [1, 2, 3].map(|place| mean_and_error(&of(place)).0);
        println!(
            "{name:<28} {mean:7.4} {error:7.4} {recall:9.4} {again:7.4} {new:7.4} {gain:+8.4} ±{gain_error:.4}"
        );
    }
    Ok(())
}
