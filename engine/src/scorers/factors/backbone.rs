//! The backbone: implicit-feedback alternating least squares over all users.
//!
//! The first half-sweep solves the users against the initial item factors. Every sweep then solves all items and
//! all users exactly. Training can stop after any sweep, because the user factors always equal what fold-in
//! would compute.

use super::fixed_side::FixedSide;
use super::options::AlsOptions;
use crate::error::{EngineError, Result};
use crate::interactions::{Interactions, SparseRows};
use crate::linalg::observed_gram;
use crate::linalg::vector::dot;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::seed;
use rand::distributions::Distribution;
use rand_distr::Normal;

/// Factors of all users and items in one common basis.
#[derive(Clone, Debug, PartialEq)]
pub struct Backbone {
    /// User factors P, users × k.
    pub user_factors: Matrix,
    /// Item factors Q, items × k.
    pub item_factors: Matrix,
    /// The training loss after each sweep.
    pub losses: Vec<f64>,
}

/// The initial item factors.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// Random item factors drawn with this seed.
    Random(u64),
    /// Item factors (items × k) of an earlier version. Zero rows mark items that version did not have; they start
    /// at random.
    Items(Matrix),
}

/// Called after every sweep (counted from 1) with the user and item factors; returning `true` stops training with
/// these factors. Both matrices share one basis, which changes from sweep to sweep; their products do not.
pub type Watch<'a> = &'a mut dyn FnMut(usize, &Matrix, &Matrix) -> Result<bool>;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "backbone";

impl Backbone {
    /// Trains for the number of sweeps given in the options.
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

    /// Trains until `watch` returns `true`, for at most the number of sweeps given in the options.
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
        let (by_user, by_item) = (interactions.by_user(), interactions.by_item());
        let ridge = |rows: &SparseRows, row: usize| {
            options.row_regularization(rows.row_len(row) as f64, rows.width() as f64)
        };
        let solve_users = |items: &Matrix| {
            let solver =
                FixedSide::new(items, &observed_gram(items, observer), options.unobserved_weight, observer)?;
            let (users, loss) = solver.solve(by_user, |user| ridge(by_user, user), observer)?;
            Ok((users, solver.into_fixed(), loss))
        };
        let first = start.item_factors(interactions.items(), options.factors)?;
        let (mut users, mut items, _) = solve_users(&first)?;
        let mut losses = Vec::with_capacity(options.sweeps);
        for sweep in 1..=options.sweeps {
            let gram = observed_gram(&users, observer);
            let solver = FixedSide::new(&users, &gram, options.unobserved_weight, observer)?;
            let (solved, _) = solver.solve(by_item, |item| ridge(by_item, item), observer)?;
            let user_loss;
            (users, items, user_loss) = solve_users(&solved)?;
            let item_loss: f64 = (0..items.rows())
                .map(|item| {
                    f64::from(ridge(by_item, item)) * f64::from(dot(items.row(item), items.row(item)))
                })
                .sum();
            let value = user_loss + item_loss;
            losses.push(value);
            observer.report(Progress { loss: Some(value), ..Progress::step(PHASE, sweep, options.sweeps) });
            if watch(sweep, &users, &items)? {
                break;
            }
        }
        Ok(Self { user_factors: users, item_factors: items, losses })
    }
}

impl Backbone {
    /// Solves the users once more against the item factors, by other histories (users × items).
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], [`EngineError::NotFinite`].
    pub fn refit_users(
        &mut self,
        by_user: &SparseRows,
        item_gram: &[f64],
        options: &AlsOptions,
        observer: &dyn Observer,
    ) -> Result<()> {
        let solver = FixedSide::new(&self.item_factors, item_gram, options.unobserved_weight, observer)?;
        let ridge = |user| options.row_regularization(by_user.row_len(user) as f64, by_user.width() as f64);
        let (solved, _) = solver.solve(by_user, ridge, observer)?;
        let factors = solver.basis().rotate_back(&solved, observer);
        observer.check()?;
        self.user_factors = factors;
        Ok(())
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

/// Random initial factors: rows × k values from N(0, 0.1/√k) (Rendle et al. 2021, §4).
pub fn initial_factors(rows: usize, k: usize, seed: u64) -> Matrix {
    let mut random = seed::random(seed, "backbone");
    let mut factors = Matrix::zeros(rows, k);
    // `Normal::new` fails only if the deviation is not finite, which cannot happen here.
    if let Ok(normal) = Normal::new(0.0, 0.1 / (k as f32).sqrt()) {
        factors.data_mut().iter_mut().for_each(|value| *value = normal.sample(&mut random));
    }
    factors
}
