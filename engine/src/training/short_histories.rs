//! Users with few events: whether lists gain by adding popularity to their scores, the more the fewer events they have.
//!
//! The scores of a user with n items get ζ/n × popularity, both in units of their standard deviation over all items. It
//! is measured only on users who naturally have few items: users whose histories are cut gain by popularity, but those
//! whose histories are short lose by it, so that cut histories would decide wrongly.

use super::holdout_metrics::Measurement;
use super::ranker::Ranker;
use crate::error::Result;
use crate::evaluation::deciding_metric::{DECIDING, DECIDING_NAME};
use crate::evaluation::standard_error::mean_and_error;
use crate::evaluation::{Holdout, ListMetrics};
use crate::observer::{Observer, Progress};
use crate::ranking::TopN;
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::popularity::item_popularity;
use crate::seed::sample;
use rayon::prelude::*;
use std::cell::RefCell;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "short histories";
/// ζ, the weights of popularity that are tried, besides 0.
const WEIGHTS: [f32; 4] = [0.25, 0.5, 1.0, 2.0];
/// The longest history that counts as short.
const LONGEST: usize = 5;
/// With fewer users nothing is decided.
const FEWEST_USERS: usize = 200;
/// The maximum number of users, chosen by the seed, and of their scores, since each user is scored for all items: no more
/// than four billion multiply-adds with 128 factors. Catalogues of more than 167,000 items are not measured.
const MOST_USERS: usize = 1_000;
const MOST_SCORES: usize = 1 << 25;

/// What popularity adds to the lists of users with short histories.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShortHistories {
    /// ζ, the weight that gains most; 0 if none gains more than its standard error.
    pub weight: f64,
    /// The number of measured users.
    pub users: usize,
    /// The mean difference of the metric that decides to that without popularity.
    pub gain: f64,
    /// Its standard error.
    pub error: f64,
}

/// Measures the weights on the users of a holdout who have few items in its training part; `None` if they are too few.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn measure(
    ranker: &Ranker<'_>,
    holdout: &Holdout,
    measurement: &Measurement,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Option<ShortHistories>> {
    let is_short = |user: &u32| (1..=LONGEST).contains(&ranker.history(*user).len());
    let users: Vec<u32> = measurement.users.iter().copied().filter(is_short).collect();
    let most = MOST_USERS.min(MOST_SCORES / holdout.training.items().max(1));
    if users.len().min(most) < FEWEST_USERS {
        return Ok(None);
    }
    let (fit, (metric, n)) = (ranker.fit, DECIDING);
    let items: Vec<u32> = (0..holdout.training.items() as u32).collect();
    let popular = standardized(item_popularity(&holdout.training, false));
    let of_user = |scratch: &mut RefCell<NeighbourScratch>, &user: &u32| -> Result<Vec<f64>> {
        observer.check()?;
        let own = measurement.gates.get(fit.segments.of_user[user as usize] as usize);
        let own = own.is_some_and(|gate| gate.passed);
        let scores = standardized(ranker.blended(user, own, &ranker.blend, scratch).scores(&items));
        let (seen, relevant) = (ranker.seen(user), holdout.test.row(user as usize).0);
        let length = ranker.history(user).len() as f32;
        let reached = std::iter::once(0.0).chain(WEIGHTS).map(|weight| {
            let mut top = TopN::new(n);
            for (&item, (score, popular)) in items.iter().zip(scores.iter().zip(&popular)) {
                if seen.binary_search(&item).is_err() {
                    top.push(item, score + weight / length * popular);
                }
            }
            ListMetrics::measure(top.finish().iter().map(|scored| scored.item), relevant, n).get(metric)
        });
        Ok(reached.collect())
    };
    let users = sample(users, most, seed);
    let reached: Vec<Vec<f64>> =
        users.par_iter().map_init(RefCell::default, of_user).collect::<Result<_>>()?;
    let mut best = ShortHistories { weight: 0.0, users: users.len(), gain: 0.0, error: 0.0 };
    for (place, weight) in std::iter::once(0.0).chain(WEIGHTS).enumerate() {
        let values: Vec<f64> = reached.iter().map(|values| values[place]).collect();
        let metric = Some((DECIDING_NAME, mean_and_error(&values).0));
        observer.report(Progress { metric, ..Progress::step(PHASE, place + 1, WEIGHTS.len() + 1) });
        let gains: Vec<f64> = reached.iter().map(|values| values[place] - values[0]).collect();
        let (gain, error) = mean_and_error(&gains);
        if gain > error && gain > best.gain {
            best = ShortHistories { weight: f64::from(weight), gain, error, ..best };
        }
    }
    Ok(Some(best))
}

/// Values less their mean, in units of their standard deviation; all 0 if they are equal.
fn standardized(mut values: Vec<f32>) -> Vec<f32> {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let variance = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
    let scale = if variance > 0.0 { variance.sqrt().recip() } else { 0.0 };
    values.iter_mut().for_each(|value| *value = ((f64::from(*value) - mean) * scale) as f32);
    values
}
