//! Training: users and items are solved alternately. `ridge_map` derives the prior mean of each row from the previous
//! solution.
//!
//! A sweep with n ratings costs n·k² multiply-adds for the rows, and 8·n·k per step of conjugate gradients.

use super::attributes::Attributes;
use super::fold_in::RatingFoldIn;
use super::options::RatingOptions;
use super::ridge_map::RidgeMap;
use super::row_system::{Pull, solve_rows};
use crate::error::{EngineError, Result};
use crate::interactions::{Interactions, SparseRows};
use crate::linalg::vector::dot;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::seed;
use rand::distributions::Distribution;
use rand_distr::Normal;
use rayon::prelude::*;
use std::ops::Range;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "ratings";
/// Ridges of the prior's map, for factors and for the bias. On a part of MovieLens 100k (u1.base), 9 and 16 were worse
/// for factors; 40 to 160 made no difference for the bias.
const MAP_RIDGE: f32 = 12.0;
const MAP_BIAS_RIDGE: f32 = 80.0;
/// The pull on biases towards the prior mean. On the same part, 2 to 10 made no difference for users, nor did 25 to
/// 100 for items, most of whose bias the map already predicts.
const USER_BIAS_PULL: f32 = 5.0;
const ITEM_BIAS_PULL: f32 = 50.0;
/// Users per task when errors are summed.
const BLOCK_USERS: usize = 256;

/// A model of ratings: `mean + user_row · item_row`, clipped to the scale.
#[derive(Clone, Debug, PartialEq)]
pub struct RatingModel {
    /// μ, the mean rating.
    pub mean: f64,
    /// The lowest rating of the training.
    pub lowest: f32,
    /// The highest rating of the training.
    pub highest: f32,
    /// users × (k + 2): k factors, 1, bias.
    pub user_rows: Matrix,
    /// items × (k + 2): k factors, bias, 1.
    pub item_rows: Matrix,
    /// What having rated an item adds to a user's prior mean, for fold-in; items × (k + 1).
    pub item_patterns: Matrix,
    /// The root mean squared error on the training ratings after each sweep.
    pub losses: Vec<f64>,
    /// Computes the rows of users without training.
    pub fold_in: RatingFoldIn,
}

/// The users or the items during training.
struct Side<'a> {
    ratings: &'a SparseRows,
    map: RidgeMap<'a>,
    pull: Pull,
    /// k factors and the bias; rows × (k + 1).
    rows: Matrix,
    /// The coefficients B of the map, (others + attributes) × (k + 1).
    weights: Matrix,
    /// The mean of the rows, to which the map adds.
    mean: Vec<f32>,
}

impl<'a> Side<'a> {
    fn new(
        what: &'static str,
        ratings: &'a SparseRows,
        transposed: &'a SparseRows,
        attributes: Option<&'a Attributes>,
        pull: Pull,
        k: usize,
        observer: &dyn Observer,
    ) -> Result<Self> {
        if let Some(found) = attributes.map(Attributes::rows).filter(|&found| found != ratings.rows()) {
            return Err(EngineError::Shape { what, expected: ratings.rows(), found });
        }
        let map = RidgeMap::new(ratings, transposed, attributes, observer)?;
        let weights = Matrix::zeros(map.features(), k + 1);
        Ok(Self {
            ratings,
            map,
            pull,
            rows: Matrix::zeros(ratings.rows(), k + 1),
            weights,
            mean: vec![0.0; k + 1],
        })
    }

    /// Solves all rows against those of the other side, using the prior means of the current map.
    fn solve(&mut self, others: &Matrix, mean: f32, observer: &dyn Observer) -> Result<()> {
        self.rows = self.map.apply(&self.weights, observer)?;
        for row in 0..self.rows.rows() {
            self.rows.row_mut(row).iter_mut().zip(&self.mean).for_each(|(x, mean)| *x += mean);
        }
        solve_rows(self.ratings, others, mean, self.pull, &mut self.rows, observer)
    }

    /// Fits the map to the current rows.
    fn learn_map(&mut self, observer: &dyn Observer) -> Result<()> {
        self.mean = self.map.mean(&self.rows);
        let mut ridges = vec![MAP_RIDGE; self.mean.len()];
        if let Some(bias) = ridges.last_mut() {
            *bias = MAP_BIAS_RIDGE;
        }
        self.map.improve(&mut self.weights, &self.rows, &self.mean, &ridges, observer)
    }
}

impl RatingModel {
    /// Trains on `ratings`, whose values are the ratings themselves. Users and items without ratings get the row that
    /// the map predicts from their attributes.
    ///
    /// # Errors
    /// [`EngineError::NothingToTrainOn`] without any rating, [`EngineError::Shape`] if attributes have the wrong number
    /// of rows, [`EngineError::NotFinite`], [`EngineError::Cancelled`].
    pub fn train(
        ratings: &Interactions,
        user_attributes: Option<&Attributes>,
        item_attributes: Option<&Attributes>,
        options: &RatingOptions,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let (by_user, by_item, k) = (ratings.by_user(), ratings.by_item(), options.factors);
        if ratings.entries() == 0 {
            return Err(EngineError::NothingToTrainOn { reason: "There are no ratings.".to_owned() });
        }
        let values = by_user.values();
        let (lowest, highest) =
            values.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
        let (mean, deviation) = moments(values);
        // The factors of both sides scale with the root of the deviation, so their ridges must scale with it.
        let pull = |ridge: f64, bias| Pull { factors: (ridge * deviation) as f32, bias };
        let user_pull = pull(options.user_regularization, USER_BIAS_PULL);
        let item_pull = pull(options.item_regularization, ITEM_BIAS_PULL);
        let mut users =
            Side::new("user attributes", by_user, by_item, user_attributes, user_pull, k, observer)?;
        let mut items =
            Side::new("item attributes", by_item, by_user, item_attributes, item_pull, k, observer)?;
        initialize(&mut items.rows, deviation, seed);
        let mut losses = Vec::with_capacity(options.sweeps);
        for sweep in 1..=options.sweeps {
            users.solve(&items.rows, mean, observer)?;
            users.learn_map(observer)?;
            items.solve(&users.rows, mean, observer)?;
            items.learn_map(observer)?;
            let loss = error(by_user, mean, &users.rows, &items.rows, observer)?;
            losses.push(loss);
            observer.report(Progress { loss: Some(loss), ..Progress::step(PHASE, sweep, options.sweeps) });
        }
        // A final half-sweep, so that the stored rows equal what fold-in computes.
        users.solve(&items.rows, mean, observer)?;
        let effects = users.map.effects(&users.weights);
        let items_end = ratings.items() as u32;
        let rows = |range: Range<u32>| effects.select(&range.collect::<Vec<_>>());
        let attributes = rows(items_end..effects.rows() as u32);
        let fold_in = RatingFoldIn { mean, pull: user_pull, prior: users.mean, attributes };
        Ok(Self {
            mean: f64::from(mean),
            lowest,
            highest,
            user_rows: packed(&users.rows, |row, bias| row.extend([1.0, bias]))?,
            item_rows: packed(&items.rows, |row, bias| row.extend([bias, 1.0]))?,
            item_patterns: rows(0..items_end),
            losses,
            fold_in,
        })
    }

    /// The prediction for a user and an item of the training, given by number.
    pub fn predict(&self, user: usize, item: usize) -> f32 {
        self.clip(self.mean + f64::from(dot(self.user_rows.row(user), self.item_rows.row(item))))
    }

    /// Clips a prediction to the scale of the ratings.
    pub fn clip(&self, prediction: f64) -> f32 {
        (prediction as f32).clamp(self.lowest, self.highest)
    }
}

/// The mean and the standard deviation; a deviation of 0 is replaced by 1.
fn moments(ratings: &[f32]) -> (f32, f64) {
    let count = ratings.len() as f64;
    let mean = ratings.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = ratings.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    (mean as f32, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

/// Random initial rows: factors from N(0, 1/√k), scaled for the deviation of the ratings, and biases of 0. Starting
/// with a tenth of that took five more sweeps.
fn initialize(rows: &mut Matrix, deviation: f64, seed: u64) {
    let mut random = seed::random(seed, PHASE);
    let k = rows.columns() - 1;
    let spread = (deviation / k as f64).sqrt();
    if let Ok(normal) = Normal::new(0.0, spread as f32) {
        for row in 0..rows.rows() {
            rows.row_mut(row)[..k].iter_mut().for_each(|x| *x = normal.sample(&mut random));
        }
    }
}

/// Rows of k factors, each followed by what `end` appends for the bias.
fn packed(rows: &Matrix, end: impl Fn(&mut Vec<f32>, f32)) -> Result<Matrix> {
    let k = rows.columns() - 1;
    let mut data = Vec::with_capacity(rows.rows() * (k + 2));
    for row in 0..rows.rows() {
        let row = rows.row(row);
        data.extend(&row[..k]);
        end(&mut data, row[k]);
    }
    Matrix::from_data(k + 2, data)
}

/// The root mean squared error on the training ratings.
fn error(
    ratings: &SparseRows,
    mean: f32,
    users: &Matrix,
    items: &Matrix,
    observer: &dyn Observer,
) -> Result<f64> {
    let k = users.columns() - 1;
    let blocks: Vec<f64> = (0..ratings.rows().div_ceil(BLOCK_USERS))
        .into_par_iter()
        .map(|block| {
            observer.check()?;
            let mut sum = 0.0;
            for user in block * BLOCK_USERS..((block + 1) * BLOCK_USERS).min(ratings.rows()) {
                let row = users.row(user);
                let (rated, values) = ratings.row(user);
                for (&item, &rating) in rated.iter().zip(values) {
                    let item = items.row(item as usize);
                    let error = rating - mean - row[k] - item[k] - dot(&row[..k], &item[..k]);
                    sum += f64::from(error) * f64::from(error);
                }
            }
            Ok(sum)
        })
        .collect::<Result<_>>()?;
    Ok((blocks.iter().sum::<f64>() / ratings.entries() as f64).sqrt())
}
