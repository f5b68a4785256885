//! The measurement of a training on its holdout: popularity, the backbone and the segments rank the
//! same held-out items for the same users; the gate decides per segment; the result is what the
//! gated model reaches.

use super::fit::Fit;
use crate::error::Result;
use crate::evaluation::interval::mean_and_error;
use crate::evaluation::{Estimate, Gate, Holdout, ListMetrics, Metric, MetricRow, bootstrap, coverage, gate};
use crate::observer::{Observer, Progress};
use crate::ranking::{Popularity, Scored, Scoring, top_lists};
use crate::seed::sample;

/// Lists are cut at these lengths.
pub const MEASURED_AT: [usize; 2] = [10, 20];
/// The metric that decides, and the length of the lists.
pub const DECIDING: (Metric, usize) = (Metric::Ndcg, 20);
/// The name of the deciding metric in SQL.
pub const DECIDING_NAME: &str = "ndcg@20";
/// Users that are measured at most, chosen by the seed: the standard error of a metric is then at
/// most .5/√20,000 = .0035, usually a third of it, and measuring stays shorter than training.
const MOST_USERS: usize = 20_000;
/// Users whose lists are held at once.
const BATCH_USERS: usize = 2_048;
/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "measuring";

/// What a training reaches on its holdout.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// All values; empty where no user has anything held out.
    pub rows: Vec<MetricRow>,
    /// What the gate found for each segment.
    pub gates: Vec<Gate>,
    /// The measured users, ascending.
    pub users: Vec<u32>,
    /// The deciding metric for each measured user.
    pub deciding: Vec<f64>,
    /// The same for the backbone alone.
    pub backbone: Vec<f64>,
}

/// Lists of one user by each of the three.
struct Lists {
    popularity: Vec<Scored>,
    backbone: Vec<Scored>,
    segment: Option<Vec<Scored>>,
}

impl Measurement {
    /// Measures `fit`, trained on the holdout's training part, on its test part.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn new(fit: &Fit, holdout: &Holdout, seed: u64, observer: &dyn Observer) -> Result<Self> {
        let users = measured_users(holdout, MOST_USERS, seed);
        let lists = all_lists(fit, holdout, &users, observer)?;
        let relevant = |place: usize| holdout.test.row(users[place] as usize).0;
        let measure = |list: &[Scored], place: usize, k: usize| {
            ListMetrics::measure(list.iter().map(|scored| scored.item), relevant(place), k)
        };
        let deciding = |list: &[Scored], place: usize| measure(list, place, DECIDING.1).get(DECIDING.0);
        let segment_of = |place: usize| fit.segments.of_user[users[place] as usize];

        let mut differences = vec![Vec::new(); fit.segments.count()];
        let mut backbone = Vec::with_capacity(users.len());
        for (place, lists) in lists.iter().enumerate() {
            let without = deciding(&lists.backbone, place);
            backbone.push(without);
            if let Some(segment) = &lists.segment {
                differences[segment_of(place) as usize].push(deciding(segment, place) - without);
            }
        }
        let gates = gate(&differences);
        let gated: Vec<&[Scored]> = lists
            .iter()
            .enumerate()
            .map(|(place, lists)| match &lists.segment {
                Some(list) if gates[segment_of(place) as usize].passed => list.as_slice(),
                _ => lists.backbone.as_slice(),
            })
            .collect();
        let deciding: Vec<f64> =
            gated.iter().enumerate().map(|(place, list)| deciding(list, place)).collect();

        let mut rows = Vec::new();
        if !users.is_empty() {
            for k in MEASURED_AT {
                let of = |list: &[Scored], place: usize| {
                    let metrics = measure(list, place, k);
                    Metric::ALL.iter().map(|&metric| metrics.get(metric)).collect::<Vec<f64>>()
                };
                let values: Vec<Vec<f64>> =
                    gated.iter().enumerate().map(|(place, list)| of(list, place)).collect();
                let baseline: Vec<Vec<f64>> =
                    lists.iter().enumerate().map(|(place, lists)| of(&lists.popularity, place)).collect();
                let all: Vec<usize> = (0..users.len()).collect();
                rows.extend(metric_rows(&values, &baseline, &all, k, None, seed));
                let shown = |lists: &mut dyn Iterator<Item = &[Scored]>| {
                    coverage(
                        lists.flat_map(|list| list.iter().take(k).map(|s| s.item)),
                        holdout.training.items(),
                    )
                };
                rows.push(MetricRow {
                    metric: "coverage",
                    k,
                    segment: None,
                    value: shown(&mut gated.iter().copied()),
                    interval: None,
                    baseline: shown(&mut lists.iter().map(|lists| lists.popularity.as_slice())),
                    users: users.len(),
                });
                for segment in 0..fit.segments.count() as u32 {
                    let places: Vec<usize> =
                        (0..users.len()).filter(|&place| segment_of(place) == segment).collect();
                    rows.extend(metric_rows(&values, &baseline, &places, k, Some(segment), seed));
                }
                observer.check()?;
            }
        }
        Ok(Self { rows, gates, users, deciding, backbone })
    }

    /// The row of the deciding metric for all users.
    pub fn deciding_row(&self) -> Option<&MetricRow> {
        self.rows
            .iter()
            .find(|row| row.metric == DECIDING.0.name() && row.k == DECIDING.1 && row.segment.is_none())
    }

    /// Numbers segments anew: `from` is the old number of each new one. What was measured of segments
    /// that are no more goes.
    pub fn renumber(&mut self, from: &[Option<u32>]) {
        let new_number = |old: u32| from.iter().position(|&from| from == Some(old)).map(|new| new as u32);
        self.rows.retain_mut(|row| match row.segment {
            None => true,
            Some(old) => {
                row.segment = new_number(old);
                row.segment.is_some()
            }
        });
        let unmeasured = Gate::unmeasured();
        self.gates = from
            .iter()
            .map(|from| from.and_then(|old| self.gates.get(old as usize).copied()).unwrap_or(unmeasured))
            .collect();
    }

    /// The mean difference to another measurement of the same holdout, paired by user, and its
    /// standard error.
    pub fn paired_difference(&self, other: &Self) -> (f64, f64) {
        let differences: Vec<f64> = self.deciding.iter().zip(&other.deciding).map(|(a, b)| a - b).collect();
        mean_and_error(&differences)
    }
}

/// What each of some users reaches on the deciding metric with their segment's own factors, without a gate:
/// for choosing the number of segments.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn held_out_quality(
    fit: &Fit,
    holdout: &Holdout,
    users: &[u32],
    observer: &dyn Observer,
) -> Result<Vec<f64>> {
    let (metric, n) = DECIDING;
    let mut reached = vec![0.0; users.len()];
    for (place, list) in segment_lists(fit, holdout, users, n, observer)? {
        let relevant = holdout.test.row(users[place] as usize).0;
        reached[place] = ListMetrics::measure(list.iter().map(|scored| scored.item), relevant, n).get(metric);
    }
    Ok(reached)
}

/// The list of each user whose segment has its own factors, with the user's place in `users`.
fn segment_lists(
    fit: &Fit,
    holdout: &Holdout,
    users: &[u32],
    n: usize,
    observer: &dyn Observer,
) -> Result<Vec<(usize, Vec<Scored>)>> {
    let training = holdout.training.by_user();
    let mut places = vec![Vec::new(); fit.segments.count()];
    for (place, &user) in users.iter().enumerate() {
        places[fit.segments.of_user[user as usize] as usize].push(place);
    }
    let mut lists = Vec::with_capacity(users.len());
    for (segment, places) in places.iter().enumerate().filter(|(segment, _)| fit.own_factors[*segment]) {
        let members: Vec<u32> = places.iter().map(|&place| users[place]).collect();
        let factors = fit.factors.user_factors.select(&members);
        let scoring = Scoring {
            item_factors: &fit.factors.item_factors[segment],
            items: Some(&fit.segments.items[segment]),
        };
        let seen = |row: usize| training.row(members[row] as usize).0;
        lists.extend(places.iter().copied().zip(top_lists(&factors, scoring, seen, n, observer)?));
    }
    Ok(lists)
}

fn metric_rows(
    values: &[Vec<f64>],
    baseline: &[Vec<f64>],
    places: &[usize],
    k: usize,
    segment: Option<u32>,
    seed: u64,
) -> Vec<MetricRow> {
    let of_places = |rows: &[Vec<f64>]| places.iter().map(|&place| rows[place].clone()).collect::<Vec<_>>();
    let estimates: Vec<Estimate> = bootstrap(&of_places(values), seed);
    let metrics = Metric::ALL.len();
    let baselines: Vec<f64> = (0..metrics)
        .map(|metric| {
            places.iter().map(|&place| baseline[place][metric]).sum::<f64>() / places.len().max(1) as f64
        })
        .collect();
    Metric::ALL
        .iter()
        .zip(estimates)
        .zip(baselines)
        .map(|((metric, estimate), baseline)| MetricRow {
            metric: metric.name(),
            k,
            segment,
            value: estimate.value,
            interval: Some((estimate.low, estimate.high)),
            baseline,
            users: places.len(),
        })
        .collect()
}

/// Users with something held out, ascending: all, or as many as `most`, chosen by the seed.
pub fn measured_users(holdout: &Holdout, most: usize, seed: u64) -> Vec<u32> {
    let users = (0..holdout.test.rows() as u32).filter(|&user| holdout.test.row_len(user as usize) > 0);
    sample(users.collect(), most, seed)
}

fn all_lists(fit: &Fit, holdout: &Holdout, users: &[u32], observer: &dyn Observer) -> Result<Vec<Lists>> {
    let n = MEASURED_AT.into_iter().max().unwrap_or(DECIDING.1);
    let training = holdout.training.by_user();
    let by_item = holdout.training.by_item();
    let popularity =
        Popularity::new((0..by_item.rows()).map(|item| (item as u32, by_item.row_len(item) as u32)));
    let seen = |user: u32| training.row(user as usize).0;
    // The backbone of a time or a random holdout may hold items nobody has in training: they have
    // zero factors and score nothing.
    let backbone = Scoring { item_factors: &fit.backbone.item_factors, items: None };
    let mut lists: Vec<Lists> = Vec::with_capacity(users.len());
    let batches = users.len().div_ceil(BATCH_USERS);
    for (batch, users) in users.chunks(BATCH_USERS).enumerate() {
        let factors = fit.backbone.user_factors.select(users);
        let found = top_lists(&factors, backbone, |row| seen(users[row]), n, observer)?;
        lists.extend(found.into_iter().zip(users).map(|(backbone, &user)| Lists {
            popularity: popularity.top(seen(user), n),
            backbone,
            segment: None,
        }));
        observer.report(Progress::step(PHASE, batch + 1, batches));
    }
    for (place, list) in segment_lists(fit, holdout, users, n, observer)? {
        lists[place].segment = Some(list);
    }
    Ok(lists)
}
