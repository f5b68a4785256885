//! Lists by several ways to rank the same items for the same users, and their metrics.

use crate::error::Result;
use crate::evaluation::bootstrap::{Parts, Quotient, quotient_rows};
use crate::evaluation::report::coverage_row;
use crate::evaluation::{ListMetrics, Metric, MetricRow};
use crate::observer::Observer;
use crate::ranking::{Scored, TopN};
use crate::scorers::neighbours::NeighbourScratch;
use crate::seed::mix;
use rayon::prelude::*;
use strum::IntoStaticStr;

/// The metrics of lists that are measured, besides coverage.
const MEASURED: [Metric; 2] = [Metric::Ndcg, Metric::Recall];

/// What is ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum ColdScope {
    /// The hidden items only.
    NewItems,
    /// All items.
    Catalogue,
    /// All items, for hidden users.
    NewUsers,
}

/// A way to rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum RankedBy {
    /// The blend of the model.
    Model,
    /// What attributes say about items.
    Attributes,
    /// Popularity among users with similar attributes.
    SegmentPopularity,
    /// Popularity among all users.
    Popularity,
    /// Popularity, and for hidden items that of the items that they resemble.
    FeaturePopularity,
    /// Resemblance to the user's items.
    Content,
    /// A hash of user and item.
    Random,
}

/// A value of a metric, with what was ranked and by what.
#[derive(Clone, Debug, PartialEq)]
pub struct ColdMetric {
    /// What was ranked: `new_items`, `catalogue` or `new_users`.
    pub scope: &'static str,
    /// By what: `model`, `random`, …
    pub ranked_by: &'static str,
    /// The value. The baseline is that of popularity, as far as it can be known.
    pub row: MetricRow,
}

/// The lists of one way to rank, one for each measured user.
pub(super) struct Ranking {
    pub by: RankedBy,
    pub lists: Vec<Vec<Scored>>,
}

/// What a thread needs to score items for one user after the other.
pub(super) struct Scratch {
    /// One score per item of the catalogue, 0 before each user.
    pub scores: Vec<f32>,
    pub neighbours: NeighbourScratch,
}

/// Ranks the best `n` of `items` (ascending) that each user has not `seen` (ascending) by scores that `score` writes.
///
/// # Errors
/// Those of `score`, [`crate::EngineError::Cancelled`].
pub(super) fn ranked<'s>(
    by: RankedBy,
    users: &[u32],
    (items, catalogue, n): (&[u32], usize, usize),
    seen: impl Fn(u32) -> &'s [u32] + Sync,
    score: impl Fn(u32, &mut Scratch) -> Result<()> + Sync,
    observer: &dyn Observer,
) -> Result<Ranking> {
    let new = || Scratch { scores: vec![0.0; catalogue], neighbours: NeighbourScratch::default() };
    let list = |scratch: &mut Scratch, &user: &u32| {
        observer.check()?;
        scratch.scores.fill(0.0);
        score(user, scratch)?;
        let (seen, mut top) = (seen(user), TopN::new(n));
        for &item in items {
            let score = scratch.scores[item as usize];
            if top.admits(score) && seen.binary_search(&item).is_err() {
                top.push(item, score);
            }
        }
        Ok(top.finish())
    };
    Ok(Ranking { by, lists: users.par_iter().map_init(new, list).collect::<Result<_>>()? })
}

/// Ranks items by a hash of user and item.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub(super) fn at_random<'s>(
    users: &[u32],
    (items, catalogue, n): (&[u32], usize, usize),
    seen: impl Fn(u32) -> &'s [u32] + Sync,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Ranking> {
    let score = |user: u32, scratch: &mut Scratch| {
        let of_user = mix(seed ^ mix(u64::from(user)));
        items.iter().for_each(|&item| scratch.scores[item as usize] = mix(of_user ^ u64::from(item)) as f32);
        Ok(())
    };
    ranked(RankedBy::Random, users, (items, catalogue, n), seen, score, observer)
}

/// The metrics of several rankings of `items` items for the same users, whose `relevant` items are ascending.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub(super) fn metrics(
    what: ColdScope,
    rankings: &[Ranking],
    baseline: RankedBy,
    (relevant, items): (&[&[u32]], usize),
    cuts: &[usize],
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<ColdMetric>> {
    let at = |&k: &usize| MEASURED.map(|metric| Quotient { metric: metric.name(), k, root: false });
    let quotients: Vec<Quotient> = cuts.iter().flat_map(at).collect();
    let reached = |ranking: &Ranking| {
        Parts::new(relevant.len(), quotients.len(), observer, |user, parts| {
            let values = cuts.iter().flat_map(|&k| {
                let items = ranking.lists[user].iter().map(|scored| scored.item);
                let reached = ListMetrics::measure(items, relevant[user], k);
                MEASURED.map(|metric| reached.get(metric))
            });
            parts.iter_mut().zip(values).for_each(|(part, value)| *part = [value, 1.0]);
        })
    };
    let parts: Vec<Parts> = rankings.iter().map(reached).collect::<Result<_>>()?;
    let compared = rankings.iter().position(|ranking| ranking.by == baseline).unwrap_or(0);
    let users: Vec<usize> = (0..relevant.len()).collect();
    let mut all = Vec::new();
    for (ranking, own) in rankings.iter().zip(&parts) {
        let mut rows = quotient_rows(&quotients, [own, &parts[compared]], None, &users, seed, observer)?;
        for &k in cuts {
            observer.check()?;
            rows.push(coverage_row([&ranking.lists, &rankings[compared].lists], k, items));
        }
        let (scope, ranked_by) = (what.into(), ranking.by.into());
        all.extend(rows.into_iter().map(|row| ColdMetric { scope, ranked_by, row }));
    }
    Ok(all)
}
