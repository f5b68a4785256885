//! What each scorer of an algorithm is worth, what it costs a call, and what it keeps.

use super::blend::trials::reached;
use super::fit::Fit;
use super::ranker::Ranker;
use crate::error::Result;
use crate::evaluation::Holdout;
use crate::evaluation::standard_error::mean_and_error;
use crate::observer::Observer;
use crate::ranking::Blend;
use crate::scorers::method::Method;
use crate::scorers::neighbours::NeighbourScratch;
use crate::seed::sample;
use std::cell::RefCell;

/// The number of users for whom scorers are timed.
const TIMED_USERS: usize = 64;

/// A scorer that a training blended, or left out.
#[derive(Clone, Debug, PartialEq)]
pub struct ScorerReport {
    /// The name of the scorer.
    pub scorer: &'static str,
    /// Its weight in the blend; 0 if it was left out.
    pub weight: f32,
    /// Its share of itself and the scorers before it; 0 if it was left out.
    pub share: f32,
    /// What the deciding metric loses on the holdout without it, while the others keep their weights, and the standard
    /// error of that, paired by user; `None` if it is the only scorer, was left out, or nothing was measured.
    pub gain: Option<(f64, f64)>,
    /// The seconds that it adds to the list of a user of the training, on one thread, by the observer's clock; `None` if it
    /// was left out, or nothing was measured.
    pub seconds: Option<f64>,
    /// The bytes that it keeps, of the fit to all events.
    pub bytes: u64,
}

/// Measures the scorers of a fit to the training part of a holdout by what its blend reaches for `users`. Takes as long as
/// one step of blending. [`ScorerReport::bytes`] stay 0, since they are those of another fit.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn measure(
    fit: &Fit,
    methods: &[&'static dyn Method],
    (holdout, users): (&Holdout, &[u32]),
    (weighed, seed): (bool, u64),
    observer: &dyn Observer,
) -> Result<Vec<ScorerReport>> {
    let blend = &fit.blend;
    let of_method = |method: &&'static dyn Method| {
        let own = blend.0.iter().find(|own| own.scorer == method.name());
        let (weight, share) = own.map_or((0.0, 0.0), |own| (own.weight, own.share));
        ScorerReport { scorer: method.name(), weight, share, gain: None, seconds: None, bytes: 0 }
    };
    let mut reports: Vec<ScorerReport> = methods.iter().map(of_method).collect();
    if fit.rated.is_some() || users.is_empty() {
        return Ok(reports);
    }
    let ranker = Ranker::new(fit, &holdout.training, weighed);
    let in_blend = |report: &&mut ScorerReport| blend.has(report.scorer);
    let timed = sample(users.to_vec(), TIMED_USERS, seed);
    for report in reports.iter_mut().filter(in_blend) {
        report.seconds = Some(seconds(&ranker, report.scorer, &timed, observer)?);
    }
    if blend.is_single() {
        return Ok(reports);
    }
    let without = |scorer: &str| Blend(blend.0.iter().filter(|own| own.scorer != scorer).cloned().collect());
    let each = blend.scorers().map(|scorer| (Some(scorer), without(scorer)));
    let blends = each.chain([(None, blend.clone())]).collect();
    let mut tried = reached(&ranker, holdout, blend, blends, users, observer)?;
    let Some((_, _, whole)) = tried.pop() else { return Ok(reports) };
    for (scorer, _, values) in tried {
        let lost: Vec<f64> = whole.iter().zip(values).map(|(whole, own)| whole - own).collect();
        let report = reports.iter_mut().find(|report| Some(report.scorer) == scorer);
        if let Some(report) = report.filter(|_| lost.len() > 1) {
            report.gain = Some(mean_and_error(&lost));
        }
    }
    Ok(reports)
}

/// The mean seconds that a scorer takes to propose and score the candidates of a user.
fn seconds(ranker: &Ranker<'_>, scorer: &str, users: &[u32], observer: &dyn Observer) -> Result<f64> {
    let scratch = RefCell::<NeighbourScratch>::default();
    let alone = Blend::only(scorer);
    let mut sum = 0.0;
    for &user in users {
        observer.check()?;
        let (items, _) = ranker.blended(user, true, &ranker.blend, &scratch).offered(ranker.seen(user));
        let begin = observer.seconds();
        for part in ranker.blended(user, true, &alone, &scratch).parts {
            part.scorer.propose(&mut |_, _| {});
            std::hint::black_box(part.scorer.scores(&items));
        }
        sum += observer.seconds() - begin;
    }
    Ok(sum / users.len().max(1) as f64)
}

/// Fills in the weight of a scorer that was judged after all others, on a holdout of its own, and what it gained there.
pub fn fill_in(reports: &mut [ScorerReport], scorer: &str, blend: &Blend, gain: Option<(f64, f64)>) {
    let own = blend.0.iter().find(|own| own.scorer == scorer);
    if let (Some(report), Some(own)) = (reports.iter_mut().find(|report| report.scorer == scorer), own) {
        (report.weight, report.share, report.gain) = (own.weight, own.share, gain);
    }
}

/// Fills in what the scorers of a fit keep.
///
/// # Errors
/// Those of [`crate::scorers::Fitted::sections`].
pub fn count_bytes(reports: &mut [ScorerReport], fit: &Fit) -> Result<()> {
    for report in reports.iter_mut().filter(|report| fit.blend.has(report.scorer)) {
        report.bytes = fit.bytes(report.scorer)?;
    }
    Ok(())
}
