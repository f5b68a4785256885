//! Fold-in: a user's row from their ratings now and their attributes, without training.

use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

/// What a fold-in needs besides the rows and patterns of the items a user rated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatingFoldIn {
    /// μ, the mean rating.
    pub(super) mean: f64,
    /// The pull towards the prior mean: of factors (times √n), of the bias.
    pub(super) ridge: f32,
    pub(super) bias_ridge: f32,
    /// The prior mean (k factors, bias) of a user of whom nothing is known.
    pub(super) base: Vec<f32>,
    /// What each attribute adds to it: features × (k + 1).
    pub(super) attributes: Matrix,
}

impl RatingFoldIn {
    /// The row (k factors, 1, bias) of a user who gave `ratings` to some items: `item_rows` are their rows
    /// of [`super::RatingModel::item_rows`], `patterns` their rows of [`super::RatingModel::item_patterns`],
    /// in the same order. `attributes` are the features of [`super::AttributeEncoder::encode_row`].
    /// Without ratings it is what the attributes say, without these the mean.
    pub fn user(
        &self,
        item_rows: &Matrix,
        patterns: &Matrix,
        ratings: &[f32],
        attributes: &[u32],
    ) -> Vec<f32> {
        let _ = (item_rows, patterns, ratings, attributes);
        Vec::new()
    }

    /// Why the prediction for the item with `item_row` is what it is: what stays without any rating, and
    /// what each rating adds. Their sum is `mean + user·item` before clipping.
    pub fn contributions(
        &self,
        item_rows: &Matrix,
        patterns: &Matrix,
        ratings: &[f32],
        attributes: &[u32],
        item_row: &[f32],
    ) -> (f64, Vec<f64>) {
        let _ = (item_rows, patterns, ratings, attributes, item_row);
        (0.0, Vec::new())
    }
}
