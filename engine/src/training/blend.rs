//! How much neighbours count beside factors: κ, chosen on the holdout.
//!
//! The two parts have scales of their own, so κ = w / (1 − w) × (the median over users of the standard
//! deviation of their products of factors) / (the same of their sums over neighbours), and w is sought. One
//! κ for everybody: scaling by user or weighing by segment ranks worse (measured).

use super::holdout_metrics::{DECIDING, deciding_values};
use super::ranker::Ranking;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::interval::mean_and_error;
use crate::evaluation::{Holdout, ListMetrics};
use crate::linalg::product::row_scores;
use crate::observer::{Observer, Progress};
use crate::ranking::Blend;
use crate::ranking::blended::{best, candidates};
use crate::scorers::neighbours::{NeighbourRows, NeighbourScratch};
use crate::seed::sample;
use rayon::prelude::*;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "blending";
/// Shares of neighbours that are tried between nothing and all. The best is flat: neighbours on the grid
/// differ by half a per cent.
const SHARES: [f32; 5] = [0.1, 0.2, 0.35, 0.5, 0.65];
/// The share that is kept unless another is better by a standard error: on Gowalla's validation split .2340/.1371
/// (recall/ndcg@20), with .2 .2323/.1358, with .5 .2329/.1369, with .65 .2310/.1361.
const USUAL_SHARE: f32 = 0.35;
/// Users whose scores give the scales.
const SCALE_USERS: usize = 256;

/// Decides the blend of a fit with both parts, for `users` of its holdout.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn decide(
    ranking: &Ranking<'_>,
    holdout: &Holdout,
    share: AutoOr<f64>,
    users: &[u32],
    seed: u64,
    observer: &dyn Observer,
) -> Result<Blend> {
    let scale = scale(ranking, &sample(users.to_vec(), SCALE_USERS, seed), observer)?;
    let blend = |share: f32| match share {
        share if share <= 0.0 || scale <= 0.0 => Blend::FACTORS,
        share if share >= 1.0 => Blend::NEIGHBOURS,
        share => Blend { factors: true, neighbours: share / (1.0 - share) * scale, share },
    };
    if let AutoOr::Given(share) = share {
        return Ok(blend(share as f32));
    }
    if scale <= 0.0 || users.is_empty() {
        return Ok(blend(USUAL_SHARE));
    }
    let blends: Vec<Blend> = SHARES.map(blend).into_iter().chain([Blend::NEIGHBOURS]).collect();
    let mut tried = blended(ranking, holdout, &blends, users, observer)?;
    let factors = Ranking { blend: Blend::FACTORS, ..*ranking };
    tried.push((Blend::FACTORS, deciding_values(&factors, holdout, users, observer)?));
    let mean = |values: &[f64]| mean_and_error(values).0;
    for (step, (_, values)) in tried.iter().enumerate() {
        let metric = Some((super::holdout_metrics::DECIDING_NAME, mean(values)));
        observer.report(Progress { metric, ..Progress::step(PHASE, step + 1, tried.len()) });
    }
    tried.sort_by(|a, b| mean(&b.1).total_cmp(&mean(&a.1)));
    // The best is taken where it is better by a standard error, paired by user: than one part alone, which
    // costs less, and than the usual share.
    let (found, values) = &tried[0];
    let as_good = |(_, own): &&(Blend, Vec<f64>)| {
        let lost: Vec<f64> = values.iter().zip(own).map(|(best, own)| best - own).collect();
        let (lost, error) = mean_and_error(&lost);
        lost <= error
    };
    let single = tried.iter().filter(|(blend, _)| blend.share <= 0.0 || blend.share >= 1.0).find(as_good);
    let usual = || tried.iter().filter(|(blend, _)| blend.share == USUAL_SHARE).find(as_good);
    Ok(single.or_else(usual).map_or(*found, |(blend, _)| *blend))
}

/// What each of the users reaches with each blend, by their segment's own rows.
fn blended(
    ranking: &Ranking<'_>,
    holdout: &Holdout,
    blends: &[Blend],
    users: &[u32],
    observer: &dyn Observer,
) -> Result<Vec<(Blend, Vec<f64>)>> {
    let (metric, n) = DECIDING;
    let Some(neighbours) = &ranking.fit.neighbours else {
        return Ok(Vec::new());
    };
    let people = ranking.people();
    let of_user = |scratch: &mut NeighbourScratch, &user: &u32| -> Result<Vec<f64>> {
        observer.check()?;
        let person = people.person(user, true);
        let (items, sums) =
            candidates(neighbours.score(person.history, scratch), person.seen, person.popular);
        let products = person.rows.scores(person.factors, &items);
        let relevant = holdout.test.row(user as usize).0;
        let reached = blends.iter().map(|blend| {
            let products = if blend.factors { products.as_slice() } else { &[] };
            let list = best(&items, products, &sums, blend.neighbours, n);
            ListMetrics::measure(list.iter().map(|scored| scored.item), relevant, n).get(metric)
        });
        Ok(reached.collect())
    };
    let reached: Vec<Vec<f64>> =
        users.par_iter().map_init(NeighbourScratch::default, of_user).collect::<Result<_>>()?;
    let of_blend = |place: usize| reached.iter().map(|values| values[place]).collect();
    Ok(blends.iter().enumerate().map(|(place, &blend)| (blend, of_blend(place))).collect())
}

/// The median deviation of products over that of sums, over all items; 0 where either part says nothing.
fn scale(ranking: &Ranking<'_>, users: &[u32], observer: &dyn Observer) -> Result<f32> {
    let fit = ranking.fit;
    let Some(neighbours) = &fit.neighbours else {
        return Ok(0.0);
    };
    let items = fit.backbone.item_factors.rows();
    let deviation = |sum: f64, squares: f64| {
        let mean = sum / items.max(1) as f64;
        (squares / items.max(1) as f64 - mean * mean).max(0.0).sqrt()
    };
    let spread = |values: &[f32]| {
        let values = values.iter().map(|&value| f64::from(value));
        deviation(values.clone().sum(), values.map(|value| value * value).sum())
    };
    let of_user = |scratch: &mut NeighbourScratch, &user: &u32| -> Result<(f64, f64)> {
        observer.check()?;
        let mut products = vec![0.0; items];
        row_scores(
            fit.backbone.user_factors.row(user as usize),
            fit.backbone.item_factors.view(),
            &mut products,
        );
        Ok((spread(&products), spread(neighbours.score(ranking.history(user), scratch).1)))
    };
    let (mut products, mut sums): (Vec<f64>, Vec<f64>) = users
        .par_iter()
        .map_init(NeighbourScratch::default, of_user)
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let median = |values: &mut Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let (products, sums) = (median(&mut products), median(&mut sums));
    Ok(if sums > 0.0 { (products / sums) as f32 } else { 0.0 })
}
