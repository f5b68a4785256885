//! Chooses options of alternating least squares from the data: α₀, λ, the number of factors and of sweeps.
//!
//! α₀ and λ act together through λ(n + α₀N) (Rendle et al. 2021). So a rule sets α₀, and λ is searched on the
//! holdout: short trainings of the backbone alone, compared by the deciding metric. Then the number of factors is
//! doubled while that metric improves. Sweeps end when it no longer improves.

use super::backbone::Start;
use super::{AlsOptions, Backbone, backbone};
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::deciding_metric::{DECIDING, DECIDING_NAME, measured_users};
use crate::evaluation::standard_error::mean_and_error;
use crate::evaluation::{Holdout, ListMetrics};
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress, Quiet};
use crate::options::algorithm::Algorithm;
use crate::options::checked::{AlsChoices, Options};
use crate::ranking::{Scoring, top_lists};

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "regularization";
/// The name of the phase in which the number of factors is searched.
pub const FACTORS_PHASE: &str = "factors";
/// Candidates for λ. The search first moves in steps of three entries, across which the metric changes by ten per
/// cent or more, then in single entries, which gain another one or two per cent.
const GRID: [f64; 11] = [0.001, 0.0017, 0.003, 0.0055, 0.01, 0.017, 0.03, 0.055, 0.1, 0.17, 0.3];
/// The index in the grid at which the search begins.
const START: usize = 4;
/// Sweeps per trial; by then the ranking of the grid is stable.
const SWEEPS: usize = 4;
/// The maximum number of factors in a trial, except in the fine steps of λ.
const TRIAL_FACTORS: usize = 64;
/// The number of users measured per trial.
const USERS: usize = 8_000;
/// The number of users measured after each sweep.
const SWEEP_USERS: usize = 8_000;
/// The target of Σ α₀ over all items; α₀ itself is clamped to .01 … 1. Values from 150 to 800 were best on
/// catalogues of 1,500 to 41,000 items.
const UNOBSERVED_TOTAL: f64 = 160.0;
/// The smallest number of factors tried.
const FEWEST_FACTORS: usize = 32;
/// The largest number of factors tried. Doubling beyond it takes four times as long and gained two per cent at most.
pub const MOST_FACTORS: usize = 256;
/// The maximum number of sweeps when held-out events decide when to stop.
pub const MOST_SWEEPS: usize = 16;
/// The minimum number of sweeps of a hybrid. Factors that are blended with neighbours should have converged: on
/// Gowalla's validation split six to twelve sweeps reach .2340 to .2346/.1371, four .2328/.1367, although four are
/// best for factors alone.
const FEWEST_BESIDE_NEIGHBOURS: usize = 8;
/// Training ends after this many sweeps without improvement.
const PATIENCE: usize = 2;
/// Factors and sweeps of a backbone that is used only to segment users.
const DIVIDING: (usize, usize) = (32, 4);

/// Chooses the options before the fit. The number of sweeps returned is an upper limit.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
pub fn decide(holdout: &Holdout, options: &Options, observer: &dyn Observer) -> Result<AlsOptions> {
    let choices = &options.als;
    let items = holdout.training.items().max(1) as f64;
    let unobserved_weight =
        choices.unobserved_weight.unwrap_or_else(|| (UNOBSERVED_TOTAL / items).clamp(0.01, 1.0));
    let open = AlsOptions {
        factors: choices.factors.unwrap_or_else(|| FEWEST_FACTORS),
        sweeps: choices.sweeps.unwrap_or_else(|| MOST_SWEEPS),
        regularization: choices.regularization.unwrap_or_else(|| GRID[START]),
        unobserved_weight,
        frequency_exponent: choices.frequency_exponent,
        sharing: choices.sharing,
    };
    if !options.algorithm.ranks_by_factors() {
        return Ok(AlsOptions {
            factors: dividing_factors(options),
            sweeps: open.sweeps.min(DIVIDING.1),
            ..open
        });
    }
    let users = measured_users(holdout, USERS, options.seed);
    if users.is_empty() {
        return Ok(AlsOptions { sweeps: choices.sweeps.unwrap_or_else(|| MOST_SWEEPS / 2), ..open });
    }
    let trial = |als: AlsOptions| {
        let als = AlsOptions { sweeps: als.sweeps.min(SWEEPS), ..als };
        let backbone =
            Backbone::train(&holdout.training, &als, Start::Random(options.seed), &Quiet(observer))?;
        reached(holdout, &backbone.user_factors, &backbone.item_factors, &users, observer)
    };
    let mut als = open;
    if choices.regularization == AutoOr::Auto {
        let small = AlsOptions { factors: open.factors.min(TRIAL_FACTORS), ..open };
        als.regularization = regularization(small, 2, &trial, observer)?;
    }
    if choices.factors == AutoOr::Auto {
        als.factors = factors(als, &trial, &holdout.training, observer)?;
    }
    if choices.regularization == AutoOr::Auto {
        als.regularization = regularization(als, 1, &trial, observer)?;
    }
    Ok(als)
}

/// The number of factors of a backbone that is used only to segment users.
pub fn dividing_factors(options: &Options) -> usize {
    options.als.factors.unwrap_or_else(|| FEWEST_FACTORS).min(DIVIDING.0)
}

/// Hill climbing on the grid from the λ of `als`; the metric has a single maximum in λ.
fn regularization(
    als: AlsOptions,
    stride: usize,
    trial: &dyn Fn(AlsOptions) -> Result<Vec<f64>>,
    observer: &dyn Observer,
) -> Result<f64> {
    let mut values = [None; GRID.len()];
    let mut trials = 0;
    let mut value_of = |place: usize| -> Result<f64> {
        if let Some(value) = values[place] {
            return Ok(value);
        }
        let value = mean_and_error(&trial(AlsOptions { regularization: GRID[place], ..als })?).0;
        values[place] = Some(value);
        trials += 1;
        let progress = Progress::step(PHASE, trials, GRID.len().div_ceil(stride));
        observer.report(Progress { metric: Some((DECIDING_NAME, value)), ..progress });
        Ok(value)
    };
    let mut best = GRID.iter().position(|&value| value == als.regularization).unwrap_or(START);
    loop {
        let mut next = best;
        for neighbour in [best.wrapping_sub(stride), best + stride] {
            if neighbour < GRID.len() && value_of(neighbour)? > value_of(next)? {
                next = neighbour;
            }
        }
        if next == best {
            return Ok(GRID[best]);
        }
        best = next;
    }
}

/// Doubles the number of factors while the paired gain exceeds one standard error; there are never more factors
/// than users or items.
fn factors(
    als: AlsOptions,
    trial: &dyn Fn(AlsOptions) -> Result<Vec<f64>>,
    training: &crate::interactions::Interactions,
    observer: &dyn Observer,
) -> Result<usize> {
    let most = MOST_FACTORS.min(training.users()).min(training.items());
    let mut best = als.factors.min(most).max(1);
    let mut reached = trial(AlsOptions { factors: best, ..als })?;
    for step in 1.. {
        let value = mean_and_error(&reached).0;
        let metric = Some((DECIDING_NAME, value));
        observer.report(Progress { metric, ..Progress::step(FACTORS_PHASE, step, step) });
        if 2 * best > most {
            break;
        }
        let doubled = trial(AlsOptions { factors: 2 * best, ..als })?;
        let gains: Vec<f64> = doubled.iter().zip(&reached).map(|(new, old)| new - old).collect();
        let (gain, error) = mean_and_error(&gains);
        if gain <= error {
            break;
        }
        (best, reached) = (2 * best, doubled);
    }
    Ok(best)
}

/// Trains a backbone on the training part. If the options leave the number of sweeps open, held-out events choose
/// it; otherwise all sweeps are made. Also returns the number of sweeps.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
pub fn train_backbone(
    holdout: &Holdout,
    als: &AlsOptions,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(Backbone, usize)> {
    let start = Start::Random(options.seed);
    let users = measured_users(holdout, SWEEP_USERS, options.seed);
    let open = options.als.sweeps == AutoOr::Auto && options.algorithm.ranks_by_factors();
    if !open || users.is_empty() {
        return Ok((Backbone::train(&holdout.training, als, start, observer)?, als.sweeps));
    }
    let fewest = if options.algorithm == Algorithm::Hybrid { FEWEST_BESIDE_NEIGHBOURS } else { 1 };
    let mut best: Option<(f64, usize, Matrix, Matrix)> = None;
    let mut watch = |sweep: usize, user_factors: &Matrix, item_factors: &Matrix| -> Result<bool> {
        let value = mean_and_error(&reached(holdout, user_factors, item_factors, &users, observer)?).0;
        let progress = Progress::step(backbone::PHASE, sweep, als.sweeps);
        observer.report(Progress { metric: Some((DECIDING_NAME, value)), ..progress });
        if sweep >= fewest && best.as_ref().is_none_or(|best| value > best.0) {
            best = Some((value, sweep, user_factors.clone(), item_factors.clone()));
        }
        Ok(best.as_ref().is_some_and(|best| sweep >= best.1 + PATIENCE))
    };
    let trained = Backbone::train_watched(&holdout.training, als, start, &mut watch, observer)?;
    match best {
        Some((_, sweep, user_factors, item_factors)) => {
            Ok((Backbone { user_factors, item_factors, losses: trained.losses }, sweep))
        }
        None => Ok((trained, als.sweeps)),
    }
}

/// The deciding metric of each user with these factors.
fn reached(
    holdout: &Holdout,
    user_factors: &Matrix,
    item_factors: &Matrix,
    users: &[u32],
    observer: &dyn Observer,
) -> Result<Vec<f64>> {
    let scoring = Scoring { item_factors: item_factors.view(), items: None };
    let seen = |row: usize| holdout.training.left_out(users[row] as usize);
    let (metric, k) = DECIDING;
    let lists = top_lists(&user_factors.select(users), scoring, seen, k, observer)?;
    let reached = lists.iter().zip(users).map(|(list, &user)| {
        let relevant = holdout.test.row(user as usize).0;
        ListMetrics::measure(list.iter().map(|scored| scored.item), relevant, k).get(metric)
    });
    Ok(reached.collect())
}

impl AlsChoices {
    /// Options in which nothing is left to choose.
    pub fn fixed(als: &AlsOptions, warm_start: bool) -> Self {
        Self {
            factors: AutoOr::Given(als.factors),
            sweeps: AutoOr::Given(als.sweeps),
            regularization: AutoOr::Given(als.regularization),
            unobserved_weight: AutoOr::Given(als.unobserved_weight),
            frequency_exponent: als.frequency_exponent,
            sharing: als.sharing,
            warm_start,
        }
    }

    /// The largest number of factors that a training may use.
    pub fn most_factors(&self) -> usize {
        self.factors.unwrap_or_else(|| MOST_FACTORS)
    }
}
