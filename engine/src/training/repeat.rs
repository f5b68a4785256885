//! Decides whether lists may have what users take again, with which half-life and share. It is judged on the latest events only,
//! among which pairs may repeat, by all that users took then; and measured apart for what they took again and for the first time.
//!
//! All other decisions and metrics are about what users do not have yet: [`Ranker::new`] leaves this part out, and
//! [`Ranker::repeating`] does not. So a version that repeats is compared with one that does not by the same lists.

use super::blend;
use super::fit::Fit;
use super::holdout_metrics::{deciding_values, ungated_lists, values_of_lists};
use super::ranker::Ranker;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::bootstrap::{Parts, Quotient, quotient_rows};
use crate::evaluation::deciding_metric::{MEASURED_AT, MOST_USERS, measured_users};
use crate::evaluation::metrics::{ListMetrics, Metric};
use crate::evaluation::standard_error::{is_better, mean_and_error};
use crate::evaluation::{Holdout, MetricRow, Split};
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::ranking::{Blend, Scored};
use crate::scorers::method::{FitInput, Fitted, Method};
use crate::scorers::repeat::method::{TakenAgain, USUAL_HALF_LIFE};
use crate::seed::sample;
use std::sync::Arc;

/// The least share of what users took lately that they took again, for this part to be tried: a twentieth, one place in a list
/// of twenty. Less says that nothing is taken again but by accident, such as a page that was loaded twice around the moment that
/// divides the events. It is 0 on MovieLens and .41 on Online Retail.
pub const LEAST_AGAIN: f64 = 0.05;
/// The half-lives in seconds that are tried: 120 days, which is taken unless another is better by a standard error, thirty, and
/// a year.
const HALF_LIVES: [f64; 3] = [USUAL_HALF_LIFE, 30.0 * 86_400.0, 365.0 * 86_400.0];

/// What was decided about this part.
#[derive(Clone, Debug, Default)]
pub struct RepeatDecision {
    /// The half-life in seconds; 0 if the part is left out.
    pub half_life: f64,
    /// The metrics of lists with it, beside those without; empty if it is left out or was not judged.
    pub rows: Vec<MetricRow>,
    /// What the deciding metric of all that users took gains by it, and the standard error of that, paired by user.
    pub gain: Option<(f64, f64)>,
}

/// A blend with what users take again.
struct Found {
    half_life: f64,
    fitted: Arc<dyn Fitted>,
    blend: Blend,
    values: Vec<f64>,
}

/// Whether enough of the latest events take up something again.
pub fn is_tried(holdout: &Holdout) -> bool {
    let (new, again) = (holdout.test.entries() as f64, holdout.again.entries() as f64);
    matches!(holdout.split, Split::Time { .. }) && again > 0.0 && again >= LEAST_AGAIN * (new + again)
}

/// Tries the half-lives that the options leave open, and adds the best to a blended fit to the training part of a holdout if
/// lists of all that users took are better with it by a standard error.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn decide(
    fit: &mut Fit,
    input: FitInput<'_>,
    holdout: &Holdout,
    options: &Options,
    observer: &dyn Observer,
) -> Result<RepeatDecision> {
    let method: &dyn Method = &TakenAgain;
    let share = method.share(options);
    let is_judged = is_tried(holdout);
    if fit.rated.is_some() || share == AutoOr::Given(0.0) || share == AutoOr::Auto && !is_judged {
        return Ok(RepeatDecision::default());
    }
    let holdout = &holdout.with_again()?;
    let users = &match is_judged {
        true => measured_users(holdout, MOST_USERS, options.seed),
        // Their scores say how the scales of the parts compare.
        false => {
            let training = holdout.training.by_user();
            let has_items = |user: &u32| training.row_len(*user as usize) > 0;
            sample((0..training.rows() as u32).filter(has_items).collect(), MOST_USERS, options.seed)
        }
    }[..];
    let half_lives = match options.repeat.half_life {
        AutoOr::Given(half_life) => vec![half_life],
        AutoOr::Auto if is_judged => HALF_LIVES.to_vec(),
        AutoOr::Auto => vec![USUAL_HALF_LIFE],
    };
    let weighed = options.weighs_popularity();
    let before = fit.fitted.len();
    let mut best: Option<Found> = None;
    for half_life in half_lives {
        let mut own = options.clone();
        own.repeat.half_life = AutoOr::Given(half_life);
        let Some(fitted) = method.fit(input, &own, observer)? else { break };
        fit.fitted.push((method.name(), Arc::clone(&fitted)));
        let ranker = Ranker::new(fit, &holdout.training, weighed);
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
    let Some(Found { half_life, fitted, blend, values }) = best else { return Ok(RepeatDecision::default()) };
    fit.fitted.push((method.name(), fitted));
    fit.blend = blend;
    if !is_judged {
        return Ok(RepeatDecision { half_life, ..RepeatDecision::default() });
    }
    let with = ungated_lists(&Ranker::repeating(fit, &holdout.training, weighed), users, observer)?;
    let without = ungated_lists(&Ranker::new(fit, &holdout.training, weighed), users, observer)?;
    let gains: Vec<f64> =
        values.iter().zip(values_of_lists(&without, holdout, users)).map(|(own, base)| own - base).collect();
    let gain = (gains.len() > 1).then(|| mean_and_error(&gains));
    let rows = repeat_rows([&with, &without], holdout, users, options.seed, observer)?;
    Ok(RepeatDecision { half_life, rows, gain })
}

/// The metrics of two sets of lists for `users`, of which the second is the baseline: the ndcg of all that users took, the share
/// of places with what a user has, and the recall of what was taken again and of what was taken for the first time, each a mean
/// over the users who took any such. The holdout is one in which pairs may repeat.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn repeat_rows(
    lists: [&[Vec<Scored>]; 2],
    holdout: &Holdout,
    users: &[u32],
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<MetricRow>> {
    const NAMES: [&str; 4] = ["repeat_ndcg", "repeat_share", "repeat_recall", "repeat_new_recall"];
    let quotients: Vec<Quotient> = MEASURED_AT
        .into_iter()
        .flat_map(|k| NAMES.map(|metric| Quotient { metric, k, root: false }))
        .collect();
    let parts = |lists: &[Vec<Scored>]| {
        Parts::new(users.len(), quotients.len(), observer, |place, parts| {
            let user = users[place] as usize;
            let (relevant, again) = (holdout.test.row(user).0, holdout.again.row(user).0);
            let own = holdout.training.by_user().row(user).0;
            let values = MEASURED_AT.into_iter().flat_map(|k| {
                let list = &lists[place][..k.min(lists[place].len())];
                let items = || list.iter().map(|scored| scored.item);
                let ndcg = ListMetrics::measure(items(), relevant, k).get(Metric::Ndcg);
                let has = |set: &[u32], item: u32| set.binary_search(&item).is_ok();
                let hits_again = items().filter(|item| has(again, *item)).count();
                let hits = items().filter(|item| has(relevant, *item)).count();
                let recall = |hits: usize, of: usize| match of {
                    0 => [0.0; 2],
                    of => [hits as f64 / of as f64, 1.0],
                };
                [
                    [ndcg, 1.0],
                    [items().filter(|item| has(own, *item)).count() as f64, list.len() as f64],
                    recall(hits_again, again.len()),
                    recall(hits - hits_again, relevant.len() - again.len()),
                ]
            });
            parts.iter_mut().zip(values).for_each(|(part, value)| *part = value);
        })
    };
    let [with, without] = lists;
    let all: Vec<usize> = (0..users.len()).collect();
    quotient_rows(&quotients, [&parts(with)?, &parts(without)?], None, &all, seed, observer)
}
