//! Decides whether what is popular now joins a blend, with which half-life and share, and then whether the segments that have
//! parts of their own see what is popular among their users instead of everybody. It is judged on the latest events only: pairs held out in other ways are earlier than what would be counted as recent.

use super::blend;
use super::fit::Fit;
use super::holdout_metrics::{deciding_values, values_of_lists};
use super::ranker::Ranker;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::deciding_metric::DECIDING;
use crate::evaluation::standard_error::is_better;
use crate::evaluation::{Holdout, Split};
use crate::interactions::Interactions;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::ranking::Blend;
use crate::scorers::factors::method::Factors;
use crate::scorers::method::{FitInput, Fitted, Method};
use crate::scorers::popular_now::RecentCounts;
use crate::scorers::popular_now::counts::counted_in_segments;
use crate::scorers::popular_now::method::{PopularNow, USUAL_HALF_LIFE, fitted};
use std::sync::Arc;

/// The half-lives in seconds that are tried: seven days, which is taken unless another is better by a standard error, three,
/// and thirty.
const HALF_LIVES: [f64; 3] = [USUAL_HALF_LIFE, 3.0 * 86_400.0, 30.0 * 86_400.0];

/// A blend with what is popular now.
struct Found {
    half_life: f64,
    fitted: Arc<dyn Fitted>,
    blend: Blend,
    values: Vec<f64>,
}

/// Tries the half-lives that the options leave open, and adds the best to a blended fit to the training part of a holdout if
/// lists of `users` are better with it by a standard error. Returns the half-life in seconds, 0 if it is left out.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn decide(
    fit: &mut Fit,
    method: &dyn Method,
    input: FitInput<'_>,
    (holdout, users): (&Holdout, &[u32]),
    options: &Options,
    observer: &dyn Observer,
) -> Result<f64> {
    let share = method.share(options);
    let is_judged = matches!(holdout.split, Split::Time { .. }) && !users.is_empty();
    if fit.rated.is_some() || share == AutoOr::Given(0.0) || share == AutoOr::Auto && !is_judged {
        return Ok(0.0);
    }
    let half_lives = match options.popular_now.half_life {
        AutoOr::Given(half_life) => vec![half_life],
        AutoOr::Auto if is_judged => HALF_LIVES.to_vec(),
        AutoOr::Auto => vec![USUAL_HALF_LIFE],
    };
    let before = fit.fitted.len();
    let mut best: Option<Found> = None;
    for half_life in half_lives {
        let mut own = options.clone();
        own.popular_now.half_life = AutoOr::Given(half_life);
        let Some(fitted) = method.fit(input, &own, observer)? else { break };
        fit.fitted.push((method.name(), Arc::clone(&fitted)));
        let ranker = Ranker::new(fit, &holdout.training, options.weighs_popularity());
        let blend = blend::joined(&ranker, fit.blend.clone(), method, holdout, users, &own, observer)?;
        let mut values = Vec::new();
        if is_judged && blend.has(method.name()) {
            let ranker = Ranker { blend: blend.clone(), ..ranker };
            values = deciding_values(&ranker, holdout, users, observer)?;
        }
        fit.fitted.truncate(before);
        let wins = best.as_ref().is_none_or(|best| is_better(&values, &best.values));
        if blend.has(method.name()) && wins {
            best = Some(Found { half_life, fitted, blend, values });
        }
    }
    let Some(Found { half_life, fitted, blend, .. }) = best else { return Ok(0.0) };
    fit.fitted.push((method.name(), fitted));
    fit.blend = blend;
    Ok(half_life)
}

/// What segments have of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnParts {
    /// Counts of what is popular now.
    pub counts: bool,
    /// Factors.
    pub factors: bool,
}

impl Default for OwnParts {
    fn default() -> Self {
        Self { counts: false, factors: true }
    }
}

/// Lets segments see what is popular now among their users if lists of `users` are better by that by a standard error. They
/// then keep factors of their own only if lists are better by these once more.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn decide_by_segment(
    fit: &mut Fit,
    half_life: f64,
    (holdout, users): (&Holdout, &[u32]),
    options: &Options,
    observer: &dyn Observer,
) -> Result<OwnParts> {
    let is_judged = matches!(holdout.split, Split::Time { .. }) && !users.is_empty();
    if !is_judged || half_life <= 0.0 || !fit.own_factors.contains(&true) {
        return Ok(OwnParts::default());
    }
    let weighed = options.weighs_popularity();
    let by_own =
        |fit: &Fit| deciding_values(&Ranker::new(fit, &holdout.training, weighed), holdout, users, observer);
    let shared = Ranker::new(fit, &holdout.training, weighed).shared(users, DECIDING.1, observer)?;
    let shared = values_of_lists(&shared, holdout, users);
    let everybody = fit.fitted.clone();
    let factors = fit.take_factors();
    count_by_segment(fit, &holdout.training, half_life)?;
    let by_counts = by_own(fit)?;
    fit.give_factors(factors);
    if !is_better(&by_counts, &shared) {
        fit.fitted = everybody;
        return Ok(OwnParts::default());
    }
    let by_both = by_own(fit)?;
    let factors = fit.blend.has(Factors.name()) && is_better(&by_both, &by_counts);
    if !factors {
        fit.take_factors();
    }
    Ok(OwnParts { counts: true, factors })
}

/// Adds to what is popular now in a fit what it is in each segment.
///
/// # Errors
/// [`crate::EngineError::Shape`].
pub fn count_by_segment(fit: &mut Fit, interactions: &Interactions, half_life: f64) -> Result<()> {
    let segments = counted_in_segments(interactions, &fit.segments.users, half_life);
    let everybody = RecentCounts::of(interactions, half_life);
    let of_blend = fit.fitted.iter_mut().find(|(name, _)| *name == PopularNow.name());
    if let (Some(segments), Some(everybody), Some((_, own))) = (segments, everybody, of_blend) {
        *own = fitted(everybody.by_segment(segments))?;
    }
    Ok(())
}
