//! Evaluates options again: on the model's own holdout, or by cross-validation, in which every pair of user and item is
//! held out once.
//!
//! Nothing in a fold sees its test part before the end. All automatic choices and the gate's decisions are made as in
//! any training, on a holdout of the fold's training part.

use crate::error::{EngineError, Result};
use crate::evaluation::deciding_metric::MEASURED_AT;
use crate::evaluation::{HeldOut, Holdout, MetricRow};
use crate::observer::Observer;
use crate::options::checked::{NewUsers, Options, UserOptions};
use crate::seed::hash_bytes;
use crate::training::holdout_metrics::MetricRequest;
use crate::training::holdout_run::{measure, run_on_holdout};
use crate::training::{Given, train};

/// The metrics of a set of options on a holdout.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// How events were held out.
    pub held_out: HeldOut,
    /// The segment of every user of the events.
    pub of_user: Vec<u32>,
    /// The number of segments.
    pub segments: usize,
    /// All metric rows; empty if no user has held-out items.
    pub rows: Vec<MetricRow>,
}

/// Fits a set of options on the training split that they define, and measures it on the holdout, with lists cut at
/// `cuts`.
///
/// # Errors
/// As [`run_on_holdout`].
pub fn evaluate(
    given: Given<'_>,
    options: &Options,
    cuts: &[usize],
    observer: &dyn Observer,
) -> Result<Evaluation> {
    let weighting = options.weighting(given.events.latest());
    let holdout = Holdout::new(given.events, &weighting, &options.holdout, options.seed, observer)?;
    let fit = run_on_holdout(given, &holdout, options, observer)?.fit;
    let asked = MetricRequest { cuts, gated: true, areas: true };
    let rows = measure(&fit, &holdout, options, asked, observer)?.rows;
    let (segments, of_user) = (fit.segments.count(), fit.segments.of_user);
    Ok(Evaluation { held_out: holdout.held_out(), of_user, segments, rows })
}

/// Trains without one of `folds` parts of the user-item pairs and measures the version on that part, for all users
/// together.
///
/// # Errors
/// As [`fn@train`], and [`EngineError::Shape`] if there is no such fold or only one.
pub fn validate(
    given: Given<'_>,
    options: &Options,
    fold: usize,
    folds: usize,
    observer: &dyn Observer,
) -> Result<Vec<MetricRow>> {
    let events = given.events;
    // A different seed than that of a random holdout; otherwise the first fold would contain all of that holdout.
    let seed = hash_bytes(options.seed, b"folds");
    let holdout = Holdout::fold(events, &options.weighting(events.latest()), fold, folds, seed, observer)?;
    let training = events.select(|user, item, time| holdout.is_training(user, item, time));
    if training.is_empty() {
        let reason = format!("All {} events are in fold {} of {folds}.", events.len(), fold + 1);
        return Err(EngineError::NothingToTrainOn { reason });
    }
    let given = Given { events: &training, before: None, start: None, ..given };
    // A fold has nothing to say about users without events.
    let users = UserOptions { new_users: NewUsers::Popularity, ..options.users.clone() };
    let options = &Options { users, ..options.clone() };
    let trained = train(given, options, None, observer)?;
    let asked = MetricRequest { cuts: &MEASURED_AT, gated: false, areas: false };
    let mut rows = measure(&trained.fit, &holdout, &options.decided(&trained.decided), asked, observer)?.rows;
    rows.retain(|row| row.segment.is_none());
    Ok(rows)
}

/// A metric over all folds.
#[derive(Clone, Debug, PartialEq)]
pub struct OverFolds {
    /// The name in SQL.
    pub metric: &'static str,
    /// The length of the lists; 0 for metrics that are not of lists.
    pub k: usize,
    /// The mean over the folds in which the metric is defined.
    pub value: f64,
    /// The standard deviation over folds; `None` with fewer than two.
    pub deviation: Option<f64>,
    /// The mean value of the baseline.
    pub baseline: f64,
    /// The number of measured users summed over folds; most users are measured in several.
    pub users: usize,
}

/// The mean and standard deviation of every metric over the folds.
pub fn over_folds(folds: &[Vec<MetricRow>]) -> Vec<OverFolds> {
    let mut metrics: Vec<(&'static str, usize)> = Vec::new();
    for row in folds.iter().flatten() {
        if !metrics.contains(&(row.metric, row.k)) {
            metrics.push((row.metric, row.k));
        }
    }
    let over = |(metric, k)| {
        let rows: Vec<&MetricRow> =
            folds.iter().flatten().filter(|row| (row.metric, row.k) == (metric, k)).collect();
        let count = rows.len() as f64;
        let mean = |of: fn(&MetricRow) -> f64| rows.iter().map(|row| of(row)).sum::<f64>() / count;
        let value = mean(|row| row.value);
        let squares: f64 = rows.iter().map(|row| (row.value - value).powi(2)).sum();
        OverFolds {
            metric,
            k,
            value,
            deviation: (rows.len() > 1).then(|| (squares / (count - 1.0)).sqrt()),
            baseline: mean(|row| row.baseline),
            users: rows.iter().map(|row| row.users).sum(),
        }
    };
    metrics.into_iter().map(over).collect()
}
