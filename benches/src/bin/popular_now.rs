//! Measures what is popular now among everybody beside what is popular now in segments, on the latest events.
//! Arguments: a file of `user,item,seconds` lines, and options as JSON. The latest tenth of the events is the test part; the
//! rest is a hybrid's training, whose own holdout is the validation part. Segments have no factors of their own here.

use rayon::prelude::*;
use segrec_benches::Result;
use segrec_engine::Silent;
use segrec_engine::evaluation::Holdout;
use segrec_engine::evaluation::deciding_metric::deciding_value;
use segrec_engine::evaluation::standard_error::mean_and_error;
use segrec_engine::interactions::{Events, Id, IdKind, Interactions, RawEvents};
use segrec_engine::options::{merge_options, parse_options};
use segrec_engine::ranking::TopN;
use segrec_engine::scorers::popular_now::counts::counted_in_segments;
use segrec_engine::scorers::popular_now::{RecentCounts, SegmentCounts};
use segrec_engine::training::fit::Fit;
use segrec_engine::training::holdout_run::run_on_holdout;
use segrec_engine::training::ranker::Ranker;
use segrec_engine::training::{Given, UserData, train};
use serde_json::json;
use std::cell::RefCell;

const LENGTH: usize = 20;
const DAY: f64 = 86_400.0;

/// The ways to see a count in a segment.
#[derive(Clone, Copy)]
enum Way {
    Everybody,
    /// The ratio of what was found and expected, each with so many events more.
    Ratio(f64),
    /// The segment's counts with so many events that are divided as everybody's.
    Prior(f64),
}

/// Scores by item for each segment.
fn scores(everybody: &RecentCounts, segments: &[SegmentCounts], way: Way) -> Vec<Vec<f32>> {
    let total = everybody.sum();
    let of_segment = |own: &SegmentCounts| {
        let seen = |(item, &all): (u32, &f32)| {
            let (all, found) = (f64::from(all), f64::from(own.count(item)));
            let count = match way {
                Way::Everybody => all,
                Way::Ratio(more) => all * (found + more) / (all * own.sum() / total + more),
                Way::Prior(more) => (found + more * all / total) * total / (own.sum() + more),
            };
            (10.0 * count).ln_1p() as f32
        };
        (0..).zip(everybody.counts()).map(seen).collect()
    };
    segments.iter().map(of_segment).collect()
}

fn measure(name: &str, fit: &Fit, holdout: &Holdout, training: &Interactions) -> Result<()> {
    let ranker = Ranker::new(fit, training, false);
    let every: Vec<u32> = (0..training.items() as u32).collect();
    let is_measured = |user: &u32| holdout.test.row_len(*user as usize) > 0;
    let users: Vec<u32> = (0..training.users() as u32).filter(is_measured).collect();
    let weight = fit.blend.weight("popular_now").unwrap_or(0.0);
    let mut base = fit.blend.clone();
    base.0.retain(|own| own.scorer != "popular_now");
    println!("{name}: {} users, {} segments, {:?}", users.len(), fit.segments.count(), fit.blend.0);
    let score = |scratch: &mut _, &user: &u32| ranker.blended(user, false, &base, scratch).scores(&every);
    let bases: Vec<Vec<f32>> = users.par_iter().map_init(RefCell::default, score).collect();
    for days in [3.0, 7.0, 30.0] {
        let everybody = RecentCounts::of(training, days * DAY).ok_or("there are no times")?;
        let segments =
            counted_in_segments(training, &fit.segments.users, days * DAY).ok_or("there are no times")?;
        let values = |way: Way, part: f32, own_weight: f32| -> Vec<f64> {
            let scores = scores(&everybody, &segments, way);
            let value = |(&user, base): (&u32, &Vec<f32>)| {
                let own = &scores[fit.segments.of_user[user as usize] as usize];
                let mut top = TopN::new(LENGTH);
                for (&item, (base, own)) in every.iter().zip(base.iter().zip(own)) {
                    if training.seen(user as usize).binary_search(&item).is_err() {
                        top.push(item, part * base + own_weight * own);
                    }
                }
                deciding_value(holdout, user, &top.finish())
            };
            users.par_iter().zip(&bases).map(value).collect()
        };
        let [alone, blend] = [(0.0, 1.0), (1.0, weight)].map(|(part, own)| values(Way::Everybody, part, own));
        println!(
            " {days} days: everybody alone {:.4}, in the blend {:.4}, without {:.4}",
            mean_and_error(&alone).0,
            mean_and_error(&blend).0,
            mean_and_error(&values(Way::Everybody, 1.0, 0.0)).0
        );
        let ratios = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0].map(|more| ("ratio", more, Way::Ratio(more)));
        let priors = [0.0, 100.0, 300.0, 1e3, 3e3, 1e4].map(|more| ("prior", more, Way::Prior(more)));
        for (kind, more, way) in ratios.into_iter().chain(priors) {
            let gain = |part, own, than: &[f64]| {
                let values = values(way, part, own);
                let gains: Vec<f64> = values.iter().zip(than).map(|(own, other)| own - other).collect();
                mean_and_error(&gains)
            };
            let ((alone, alone_error), (both, both_error)) =
                (gain(0.0, 1.0, &alone), gain(1.0, weight, &blend));
            println!(
                "  {kind} {more:6.1}: alone {alone:+.4} ± {alone_error:.4}, in the blend {both:+.4} ± {both_error:.4}"
            );
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, given @ ..] = arguments.as_slice() else {
        return Err("usage: popular_now EVENTS [OPTIONS]".into());
    };
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
    for line in std::fs::read_to_string(path)?.lines() {
        let numbers: Vec<i64> = line.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?;
        let [user, item, seconds] = numbers[..] else { return Err(format!("{line:?} is no event").into()) };
        raw.push(Id::Bigint(user), Id::Bigint(item), 1.0, (seconds - 946_684_800) * 1_000_000);
    }
    let mut options = json!({"algorithm": "hybrid", "sasrec": {"share": 0}});
    for given in given {
        merge_options(&mut options, &serde_json::from_str(given)?);
    }
    let options = parse_options(&options).map_err(|problem| format!("{problem:?}"))?;
    let events = Events::new(raw, options.events.limits(), &Silent)?;
    let split = |events: &Events| {
        let weighting = options.weighting(events.latest());
        Holdout::new(events, &weighting, &options.holdout, options.seed, &Silent)
    };
    let test = split(&events)?;
    let past = events.select(|user, item, time| test.is_training(user, item, time));
    let described = UserData::users_of(&past);
    let given = Given::new(&past, &described);
    let validation = split(&past)?;
    let run = run_on_holdout(given, &validation, &options, &Silent)?;
    let passed = run.measurement.gates.iter().filter(|gate| gate.passed).count();
    println!(
        "half-life {} days, by segment {}, own factors {}, {passed} segments pass",
        run.decided.popular_now / DAY,
        run.decided.popular_now_by_segment,
        run.decided.segment_factors
    );
    let reached = |name: &str, values: &[f64]| println!("{name} {:.4}", mean_and_error(values).0);
    reached("as it is decided, validation", &run.measurement.deciding);
    reached("as it is without parts of segments, validation", &run.measurement.backbone);
    measure("validation", &run.fit, &validation, &validation.training)?;
    let trained = train(given, &options, None, &Silent)?;
    measure("test", &trained.fit, &test, &trained.interactions)
}
