//! The backbone: implicit-feedback alternating least squares over all users.
//!
//! Users are solved against the start, then every sweep solves all items and all users, exactly.
//! So the factors after a sweep are always what training could end with: user factors are what
//! fold-in gives.

use super::loss::loss;
use super::options::AlsOptions;
use super::row_solver::RowSolver;
use crate::error::{EngineError, Result};
use crate::interactions::Interactions;
use crate::linalg::gram;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::seed;
use rand::distributions::Distribution;
use rand_distr::Normal;

/// Factors of all users and items in one common basis.
#[derive(Clone, Debug, PartialEq)]
pub struct Backbone {
    /// users × k.
    pub user_factors: Matrix,
    /// items × k.
    pub item_factors: Matrix,
    /// The loss after every sweep.
    pub losses: Vec<f64>,
}

/// Where training starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// Random item factors from this seed.
    Random(u64),
    /// Item factors (items × k) of an earlier version. Rows of zeros, items that version did not
    /// know, start at random.
    Items(Matrix),
}

/// Asked after every sweep (from 1) with the user and item factors, in one common basis; `true` ends
/// the training with these factors. The basis is another one after every sweep, products are not.
pub type Watch<'a> = &'a mut dyn FnMut(usize, &Matrix, &Matrix) -> Result<bool>;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "backbone";

impl Backbone {
    /// Trains all sweeps of the options.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], [`EngineError::NotFinite`], [`EngineError::Shape`] where the
    /// start is not items × k.
    pub fn train(
        interactions: &Interactions,
        options: &AlsOptions,
        start: Start,
        observer: &dyn Observer,
    ) -> Result<Self> {
        Self::train_watched(interactions, options, start, &mut |_, _, _| Ok(false), observer)
    }

    /// Trains until `watch` says that it is enough, at most all sweeps of the options.
    ///
    /// # Errors
    /// Those of [`Self::train`] and of `watch`.
    pub fn train_watched(
        interactions: &Interactions,
        options: &AlsOptions,
        start: Start,
        watch: Watch<'_>,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let user_ridge =
            |entries: usize| options.row_regularization(entries as f64, interactions.items() as f64);
        let item_ridge =
            |entries: usize| options.row_regularization(entries as f64, interactions.users() as f64);
        let solve_users = |items: &Matrix| -> Result<(Matrix, Matrix)> {
            let solver = RowSolver::new(items, &gram(items), options.unobserved_weight)?;
            let users = solver.solve(interactions.by_user(), user_ridge, observer)?;
            Ok((users, solver.into_fixed()))
        };
        let first = start.item_factors(interactions.items(), options.factors)?;
        let (mut users, mut items) = solve_users(&first)?;
        let mut losses = Vec::with_capacity(options.sweeps);
        for sweep in 1..=options.sweeps {
            let solver = RowSolver::new(&users, &gram(&users), options.unobserved_weight)?;
            let solved = solver.solve(interactions.by_item(), item_ridge, observer)?;
            (users, items) = solve_users(&solved)?;
            let value = loss(interactions, &users, &items, options);
            losses.push(value);
            observer.report(Progress { loss: Some(value), ..Progress::step(PHASE, sweep, options.sweeps) });
            if watch(sweep, &users, &items)? {
                break;
            }
        }
        Ok(Self { user_factors: users, item_factors: items, losses })
    }
}

impl Start {
    fn item_factors(self, items: usize, k: usize) -> Result<Matrix> {
        let mut factors = match self {
            Self::Random(seed) => return Ok(initial_factors(items, k, seed)),
            Self::Items(factors) => factors,
        };
        for (what, expected, found) in
            [("rows of the start", items, factors.rows()), ("columns of the start", k, factors.columns())]
        {
            if expected != found {
                return Err(EngineError::Shape { what, expected, found });
            }
        }
        let random = initial_factors(items, k, 0);
        for item in 0..items {
            let row = factors.row_mut(item);
            if row.iter().all(|&value| value == 0.0) {
                row.copy_from_slice(random.row(item));
            }
        }
        Ok(factors)
    }
}

/// Where training starts without anything known: rows × k values from N(0, 0.1/√k) (Rendle et al.
/// 2021, §4).
pub fn initial_factors(rows: usize, k: usize, seed: u64) -> Matrix {
    let mut random = seed::random(seed, "backbone");
    let mut factors = Matrix::zeros(rows, k);
    // The deviation is positive and finite, so the distribution exists.
    if let Ok(normal) = Normal::new(0.0, 0.1 / (k as f32).sqrt()) {
        factors.data_mut().iter_mut().for_each(|value| *value = normal.sample(&mut random));
    }
    factors
}
