//! The parts that scorers besides factors have for segments: whether lists gain by them, on the holdout.
//!
//! A segment's own part is its factors, what a scorer learns for it, or both. Here they are compared over all segments; the
//! gate then judges each segment's own part as one.

use super::fit::Fit;
use super::holdout_metrics::deciding_values;
use super::ranker::Ranker;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::Holdout;
use crate::evaluation::deciding_metric::DECIDING_NAME;
use crate::evaluation::standard_error::{is_better, mean_and_error};
use crate::observer::{Observer, Progress};
use crate::options::checked::Options;
use crate::scorers::method::FitInput;
use crate::scorers::sasrec::SEGMENT_PHASE;

/// Gives the scorers of a blended fit to the training part of a holdout parts for segments, where lists of `users` are
/// better with them by a standard error, or the options ask for them. Returns whether any has them.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], those of [`crate::scorers::Fitted::with_segments`].
pub fn decide(
    fit: &mut Fit,
    input: FitInput<'_>,
    (holdout, users): (&Holdout, &[u32]),
    options: &Options,
    observer: &dyn Observer,
) -> Result<bool> {
    let is_asked_for = options.sasrec.adapters == AutoOr::Given(true);
    if fit.segments.count() < 2 || options.sasrec.adapters == AutoOr::Given(false) {
        return Ok(false);
    }
    if !is_asked_for && users.is_empty() {
        return Ok(false);
    }
    let (fitted, own_factors) = (fit.fitted.clone(), fit.own_factors.clone());
    let values = |fit: &Fit, step: usize| {
        let ranker = Ranker::new(fit, &holdout.training, options.weighs_popularity());
        let values = deciding_values(&ranker, holdout, users, observer)?;
        let metric = Some((DECIDING_NAME, mean_and_error(&values).0));
        observer.report(Progress { metric, ..Progress::step(SEGMENT_PHASE, step, 2) });
        Ok(values)
    };
    if !add(fit, input, &vec![true; own_factors.len()], options, observer)? {
        return Ok(false);
    }
    let with = std::mem::replace(&mut fit.fitted, fitted);
    let before = values(fit, 1)?;
    let without = std::mem::replace(&mut fit.fitted, with);
    fit.own_factors.fill(true);
    if is_asked_for || is_better(&values(fit, 2)?, &before) {
        return Ok(true);
    }
    fit.fitted = without;
    fit.own_factors = own_factors;
    Ok(false)
}

/// Gives the scorers of a blended fit parts for the segments that are marked in `own`; false if none has any.
///
/// # Errors
/// Those of [`crate::scorers::Fitted::with_segments`].
pub fn add(
    fit: &mut Fit,
    input: FitInput<'_>,
    own: &[bool],
    options: &Options,
    observer: &dyn Observer,
) -> Result<bool> {
    let mut is_any = false;
    for (scorer, fitted) in &mut fit.fitted {
        if !fit.blend.has(scorer) {
            continue;
        }
        if let Some(with) = fitted.with_segments(&fit.segments, own, input, options, observer)? {
            (*fitted, is_any) = (with, true);
        }
    }
    Ok(is_any)
}
