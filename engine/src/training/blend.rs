//! Chooses the weight of each scorer in a blend, on the holdout.
//!
//! Scorers have different scales. So the weight of a scorer that joins a blend is w / (1 − w) × (the median over users
//! of the standard deviation of the blend's scores) / (the same of the scorer's), and its share w is searched. The
//! weight is the same for all users, because scaling per user or per segment ranked worse. Scorers are added one at a
//! time, simplest first; one that does not improve the blend by a standard error is left out. If three or more are left,
//! their shares are then refined ([`shares`]).

pub mod shares;
pub mod trials;

use self::trials::reached;
use super::holdout_metrics::deciding_values;
use super::ranker::Ranker;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::Holdout;
use crate::evaluation::deciding_metric::DECIDING_NAME;
use crate::evaluation::standard_error::mean_and_error;
use crate::observer::{Observer, Progress};
use crate::options::checked::Options;
use crate::ranking::Blend;
use crate::scorers::method::Method;
use crate::scorers::neighbours::NeighbourScratch;
use crate::seed::sample;
use rayon::prelude::*;
use std::cell::RefCell;

pub use self::trials::PHASE;

/// The shares that are tried, besides 0 and 1. The optimum is flat: with neighbours, neighbouring grid values differ by
/// half a per cent.
const SHARES: [f32; 5] = [0.1, 0.2, 0.35, 0.5, 0.65];
/// A share that is also tried of what is popular now, which some shops sell little else than. More would give everybody the
/// same list: on Online Retail .9 was the best on the holdout before Christmas, and the worst in the weeks after it.
const LARGE_SHARES: [f32; 1] = [0.8];
/// The number of users whose scores determine the scales.
const SCALE_USERS: usize = 256;

/// Chooses the blend of a fit's scorers by what `users` of its holdout reach.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn decide(
    ranker: &Ranker<'_>,
    methods: &[&dyn Method],
    holdout: &Holdout,
    users: &[u32],
    options: &Options,
    observer: &dyn Observer,
) -> Result<Blend> {
    let Some((first, others)) = methods.split_first() else { return Ok(Blend::default()) };
    let mut blend = Blend::only(first.name());
    let sampled = sample(users.to_vec(), SCALE_USERS, options.seed);
    let is_fitted = |method: &&&dyn Method| ranker.fit.fitted.iter().any(|(name, _)| *name == method.name());
    for method in others.iter().filter(is_fitted) {
        blend = add(ranker, blend, *method, holdout, (users, &sampled), options, observer)?;
    }
    shares::refined(ranker, blend, methods, holdout, (users, &sampled), options, observer)
}

/// The best of a blend and the same with a scorer that is judged after all others.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn joined(
    ranker: &Ranker<'_>,
    base: Blend,
    method: &dyn Method,
    holdout: &Holdout,
    users: &[u32],
    options: &Options,
    observer: &dyn Observer,
) -> Result<Blend> {
    let sampled = sample(users.to_vec(), SCALE_USERS, options.seed);
    add(ranker, base, method, holdout, (users, &sampled), options, observer)
}

/// The best of three: a blend with another scorer, the blend without it, or, unless it knows only users of the training,
/// that scorer alone.
fn add(
    ranker: &Ranker<'_>,
    base: Blend,
    method: &dyn Method,
    holdout: &Holdout,
    (users, sampled): (&[u32], &[u32]),
    options: &Options,
    observer: &dyn Observer,
) -> Result<Blend> {
    let scorer = method.name();
    let scale = scale(ranker, &base, scorer, sampled, observer)?;
    let blend = |share: f32| match share {
        share if share <= 0.0 || scale <= 0.0 => base.clone(),
        share if share >= 1.0 => Blend::only(scorer),
        share => base.clone().with(scorer, share / (1.0 - share) * scale, share),
    };
    if let AutoOr::Given(share) = method.share(options) {
        return Ok(blend(share as f32));
    }
    if scale <= 0.0 || users.is_empty() {
        return Ok(blend(method.usual_share()));
    }
    // Rows of users say nothing of people who come later.
    let alone = (method.ranks_alone() && method.user_row_entries(options) == 0).then_some(1.0);
    let large = if method.needs_latest() { &LARGE_SHARES[..] } else { &[] };
    let shares = SHARES.into_iter().chain(large.iter().copied()).chain(alone);
    let blends: Vec<(f32, Blend)> = shares.map(|share| (share, blend(share))).collect();
    let both = base.clone().with(scorer, 1.0, method.usual_share());
    let mut tried = reached(ranker, holdout, &both, blends, users, observer)?;
    let without = Ranker { blend: base.clone(), ..ranker.clone() };
    tried.push((0.0, base, deciding_values(&without, holdout, users, observer)?));
    let mean = |values: &[f64]| mean_and_error(values).0;
    for (step, (_, _, values)) in tried.iter().enumerate() {
        let metric = Some((DECIDING_NAME, mean(values)));
        observer.report(Progress { metric, ..Progress::step(PHASE, step + 1, tried.len()) });
    }
    tried.sort_by(|a, b| mean(&b.2).total_cmp(&mean(&a.2)));
    // Prefer a blend with one scorer less, which is cheaper, then the usual share, unless the best is better by a
    // standard error, paired by user.
    let (_, found, values) = &tried[0];
    let as_good = |(_, _, own): &&(f32, Blend, Vec<f64>)| {
        let lost: Vec<f64> = values.iter().zip(own).map(|(best, own)| best - own).collect();
        let (lost, error) = mean_and_error(&lost);
        lost <= error
    };
    let simpler = tried.iter().filter(|(share, ..)| *share <= 0.0 || *share >= 1.0).find(as_good);
    let usual = || tried.iter().filter(|(share, ..)| *share == method.usual_share()).find(as_good);
    Ok(simpler.or_else(usual).map_or(found, |(_, blend, _)| blend).clone())
}

/// The ratio of the median standard deviation of a blend's scores over all items to that of a scorer's; 0 if either is
/// 0.
fn scale(
    ranker: &Ranker<'_>,
    base: &Blend,
    scorer: &str,
    users: &[u32],
    observer: &dyn Observer,
) -> Result<f32> {
    let every: Vec<u32> = (0..ranker.training.items() as u32).collect();
    let count = every.len().max(1) as f64;
    let spread = |values: &[f32]| {
        let values = values.iter().map(|&value| f64::from(value));
        let mean = values.clone().sum::<f64>() / count;
        (values.map(|value| value * value).sum::<f64>() / count - mean * mean).max(0.0).sqrt()
    };
    let alone = Blend::only(scorer);
    let of_user = |scratch: &mut RefCell<NeighbourScratch>, &user: &u32| -> Result<(f64, f64)> {
        observer.check()?;
        let spread_of = |blend| spread(&ranker.blended(user, false, blend, scratch).scores(&every));
        Ok((spread_of(base), spread_of(&alone)))
    };
    let found: Vec<(f64, f64)> =
        users.par_iter().map_init(RefCell::default, of_user).collect::<Result<_>>()?;
    let (of_base, of_scorer): (Vec<f64>, Vec<f64>) = found.into_iter().unzip();
    let median = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let (of_base, of_scorer) = (median(of_base), median(of_scorer));
    Ok(if of_scorer > 0.0 { (of_base / of_scorer) as f32 } else { 0.0 })
}
