//! Training of a model of ratings.

use super::attributes::Attributes;
use super::fold_in::RatingFoldIn;
use super::options::RatingOptions;
use crate::error::{EngineError, Result};
use crate::interactions::Interactions;
use crate::linalg::vector::dot;
use crate::matrix::Matrix;
use crate::observer::Observer;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "ratings";

/// A model of ratings: `mean + user_row · item_row`, clipped to the scale.
#[derive(Clone, Debug, PartialEq)]
pub struct RatingModel {
    /// μ, the mean rating.
    pub mean: f64,
    /// The lowest rating.
    pub lowest: f32,
    /// The highest rating.
    pub highest: f32,
    /// users × (k + 2): k factors, 1, bias.
    pub user_rows: Matrix,
    /// items × (k + 2): k factors, bias, 1.
    pub item_rows: Matrix,
    /// items × (k + 1): what having rated an item says about a user, for fold-in.
    pub item_patterns: Matrix,
    /// The root mean squared error on the ratings after every sweep.
    pub losses: Vec<f64>,
    /// Gives users their rows without training.
    pub fold_in: RatingFoldIn,
}

impl RatingModel {
    /// Trains. `ratings` hold ratings as they are. Users and items without ratings get the row that their
    /// attributes say.
    ///
    /// # Errors
    /// [`EngineError::NothingToTrainOn`] without any rating, [`EngineError::Shape`] where attributes are of
    /// another number of rows, [`EngineError::NotFinite`], [`EngineError::Cancelled`].
    pub fn train(
        ratings: &Interactions,
        user_attributes: Option<&Attributes>,
        item_attributes: Option<&Attributes>,
        options: &RatingOptions,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let _ = (ratings, user_attributes, item_attributes, options, seed, observer);
        Err(EngineError::NothingToTrainOn { reason: "not here yet".to_owned() })
    }

    /// The prediction for a user and an item of the training, by their numbers.
    pub fn predict(&self, user: usize, item: usize) -> f32 {
        self.clip(self.mean + f64::from(dot(self.user_rows.row(user), self.item_rows.row(item))))
    }

    /// A prediction within the scale.
    pub fn clip(&self, prediction: f64) -> f32 {
        (prediction as f32).clamp(self.lowest, self.highest)
    }
}
