//! The two weights of alternating least squares that data decide: α₀ and λ.
//!
//! They act together through λ(n + α₀N) (Rendle et al. 2021), so α₀ is set by a rule and λ is sought
//! on the holdout, with the backbone alone, a short training and the deciding metric.

use super::measure::{DECIDING, measured_users};
use super::options::{AlsChoices, Options};
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::{Holdout, ListMetrics};
use crate::factorization::{AlsOptions, Backbone, Start};
use crate::observer::{Observer, Progress, Quiet};
use crate::ranking::{Scoring, top_lists};

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "regularization";
/// λ is one of these. Neighbours differ by a factor of three: within it the metric changes by one or
/// two per cent, across it by ten and more.
const GRID: [f64; 6] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3];
/// Where the search begins.
const START: usize = 2;
/// Sweeps of a trial: the order of the grid is settled by then.
const SWEEPS: usize = 4;
/// Users that are measured in a trial.
const USERS: usize = 4_000;
/// What α₀ comes to over all items, Σ α₀ = 160, but α₀ at least .01 and at most 1: between 150 and 800
/// was best on catalogues from 1,500 to 41,000 items.
const UNOBSERVED_TOTAL: f64 = 160.0;

/// The settings with both weights decided.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
pub fn decide(holdout: &Holdout, options: &Options, observer: &dyn Observer) -> Result<AlsOptions> {
    let choices = &options.als;
    let items = holdout.training.items().max(1) as f64;
    let unobserved_weight =
        choices.unobserved_weight.unwrap_or_else(|| (UNOBSERVED_TOTAL / items).clamp(0.01, 1.0));
    let with = |regularization| choices.with(regularization, unobserved_weight);
    if let AutoOr::Given(regularization) = choices.regularization {
        return Ok(with(regularization));
    }
    let users = measured_users(holdout, USERS, options.seed);
    if users.is_empty() {
        return Ok(with(GRID[START]));
    }
    let mut values = [None; GRID.len()];
    let mut trials = 0;
    let mut value_of = |place: usize| -> Result<f64> {
        if let Some(value) = values[place] {
            return Ok(value);
        }
        let value = trial(
            holdout,
            &AlsOptions { sweeps: SWEEPS, ..with(GRID[place]) },
            &users,
            options.seed,
            observer,
        )?;
        values[place] = Some(value);
        trials += 1;
        let progress = Progress::step(PHASE, trials, GRID.len());
        observer.report(Progress { metric: Some((super::measure::DECIDING_NAME, value)), ..progress });
        Ok(value)
    };
    // Uphill from the middle: the metric has one maximum in λ.
    let mut best = START;
    loop {
        let mut next = best;
        for neighbour in [best.wrapping_sub(1), best + 1] {
            if neighbour < GRID.len() && value_of(neighbour)? > value_of(next)? {
                next = neighbour;
            }
        }
        if next == best {
            return Ok(with(GRID[best]));
        }
        best = next;
    }
}

fn trial(
    holdout: &Holdout,
    als: &AlsOptions,
    users: &[u32],
    seed: u64,
    observer: &dyn Observer,
) -> Result<f64> {
    let quiet = Quiet(observer);
    let backbone = Backbone::train(&holdout.training, als, Start::Random(seed), &quiet)?;
    let scoring = Scoring { item_factors: &backbone.item_factors, items: None };
    let seen = |row: usize| holdout.training.by_user().row(users[row] as usize).0;
    let (metric, k) = DECIDING;
    let lists = top_lists(&backbone.user_factors.select(users), scoring, seen, k, observer)?;
    let total: f64 = lists
        .iter()
        .zip(users)
        .map(|(list, &user)| {
            let relevant = holdout.test.row(user as usize).0;
            ListMetrics::measure(list.iter().map(|scored| scored.item), relevant, k).get(metric)
        })
        .sum();
    Ok(total / users.len() as f64)
}

impl AlsChoices {
    /// The settings with both weights given.
    pub fn with(&self, regularization: f64, unobserved_weight: f64) -> AlsOptions {
        AlsOptions {
            factors: self.factors,
            sweeps: self.sweeps,
            regularization,
            unobserved_weight,
            frequency_exponent: self.frequency_exponent,
            sharing: self.sharing,
        }
    }

    /// Choices that leave nothing open.
    pub fn fixed(als: &AlsOptions) -> Self {
        Self {
            factors: als.factors,
            sweeps: als.sweeps,
            regularization: AutoOr::Given(als.regularization),
            unobserved_weight: AutoOr::Given(als.unobserved_weight),
            frequency_exponent: als.frequency_exponent,
            sharing: als.sharing,
        }
    }
}
