//! The backbone: implicit-feedback alternating least squares over all users.

use super::loss::loss;
use super::options::AlsOptions;
use super::row_solver::RowSolver;
use crate::error::Result;
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

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "backbone";

impl Backbone {
    /// Trains. Every sweep solves all users, then all items, exactly; a last half-sweep solves the
    /// users once more, so that stored user factors are what fold-in would give.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    pub fn train(
        interactions: &Interactions,
        options: &AlsOptions,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let mut items = initial_factors(interactions.items(), options.factors, seed);
        let mut losses = Vec::with_capacity(options.sweeps);
        let user_ridge =
            |entries: usize| options.row_regularization(entries as f64, interactions.items() as f64);
        let item_ridge =
            |entries: usize| options.row_regularization(entries as f64, interactions.users() as f64);
        for sweep in 1..=options.sweeps {
            let solver = RowSolver::new(&items, &gram(&items), options.unobserved_weight)?;
            let users = solver.solve(interactions.by_user(), user_ridge, observer)?;
            let solver = RowSolver::new(&users, &gram(&users), options.unobserved_weight)?;
            items = solver.solve(interactions.by_item(), item_ridge, observer)?;
            let value = loss(interactions, solver.fixed(), &items, options);
            losses.push(value);
            observer.report(Progress { loss: Some(value), ..Progress::step(PHASE, sweep, options.sweeps) });
        }
        let solver = RowSolver::new(&items, &gram(&items), options.unobserved_weight)?;
        let users = solver.solve(interactions.by_user(), user_ridge, observer)?;
        Ok(Self { user_factors: users, item_factors: solver.fixed().clone(), losses })
    }
}

/// Where training starts: rows × k values from N(0, 0.1/√k) (Rendle et al. 2021, §4).
pub fn initial_factors(rows: usize, k: usize, seed: u64) -> Matrix {
    let mut random = seed::random(seed, "backbone");
    let mut factors = Matrix::zeros(rows, k);
    // The deviation is positive and finite, so the distribution exists.
    if let Ok(normal) = Normal::new(0.0, 0.1 / (k as f32).sqrt()) {
        factors.data_mut().iter_mut().for_each(|value| *value = normal.sample(&mut random));
    }
    factors
}
