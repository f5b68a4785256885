//! Compares two sets of options on the same holdout, user by user.

use crate::error::Result;
use crate::evaluation::bootstrap::{Difference, Parts, Quotient, differences};
use crate::evaluation::deciding_metric::{MEASURED_AT, MOST_USERS, measured_users};
use crate::evaluation::errors::{ERRORS, parts};
use crate::evaluation::{HeldOut, Holdout, ListMetrics, Metric};
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::training::fit::Fit;
use crate::training::given::Given;
use crate::training::holdout_metrics::MeasuredLists;
use crate::training::holdout_run::run_on_holdout;
use crate::training::ranker::Ranker;
use crate::training::ratings;

/// Two recipes on one holdout.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// How events were held out.
    pub held_out: HeldOut,
    /// What they reach; empty where no user has anything held out.
    pub rows: Vec<Difference>,
}

/// Fits both sets of options on the training split that the first defines, and compares the metrics of their users:
/// lists at 10 and 20, or the errors of ratings. Both must be for the same kind of feedback; each weights events by its
/// own options.
///
/// # Errors
/// As [`run_on_holdout`].
pub fn compare(
    given: Given<'_>,
    [first, second]: [&Options; 2],
    observer: &dyn Observer,
) -> Result<Comparison> {
    let (events, seed) = (given.events, first.seed);
    let weighting = |options: &Options| options.weighting(events.latest());
    let holdout = Holdout::new(events, &weighting(first), &first.holdout, seed, observer)?;
    let one = run_on_holdout(given, &holdout, first, observer)?.fit;
    let users = measured_users(&holdout, MOST_USERS, seed).len();
    let one = what_users_reach(&one, &holdout, first, seed, observer)?;
    let holdout = holdout.weighted(events, &weighting(second), observer)?;
    let held_out = holdout.held_out();
    let other = run_on_holdout(given, &holdout, second, observer)?.fit;
    let other = what_users_reach(&other, &holdout, second, seed, observer)?;
    let quotients = if first.is_explicit() { ERRORS.to_vec() } else { of_lists() };
    let rows = differences(&quotients, [&one, &other], users, seed, observer)?;
    Ok(Comparison { held_out, rows })
}

fn of_lists() -> Vec<Quotient> {
    let at = |k| Metric::ALL.iter().map(move |metric| Quotient { metric: metric.name(), k, root: false });
    MEASURED_AT.into_iter().flat_map(at).collect()
}

fn what_users_reach(
    fit: &Fit,
    holdout: &Holdout,
    options: &Options,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Parts> {
    if let Some(rated) = &fit.rated {
        let users = measured_users(holdout, MOST_USERS, seed);
        return parts(&ratings::predictions(fit, rated, holdout, &users), observer);
    }
    let n = MEASURED_AT.into_iter().fold(0, usize::max);
    let ranker = Ranker::new(fit, &holdout.training, options.weighs_popularity());
    let lists = MeasuredLists::new(&ranker, holdout, true, n, seed, observer)?;
    let quotients = MEASURED_AT.len() * Metric::ALL.len();
    Parts::new(lists.users.len(), quotients, observer, |place, parts| {
        let relevant = holdout.test.row(lists.users[place] as usize).0;
        let values = MEASURED_AT.into_iter().flat_map(|k| {
            let items = lists.served(place).iter().map(|scored| scored.item);
            let reached = ListMetrics::measure(items, relevant, k);
            Metric::ALL.iter().map(move |&metric| reached.get(metric))
        });
        parts.iter_mut().zip(values).for_each(|(part, value)| *part = [value, 1.0]);
    })
}
