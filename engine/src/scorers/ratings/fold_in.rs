//! Fold-in: a user's row from their current ratings and attributes, without training, and what each rating adds to a
//! prediction.
//!
//! The row is linear in the terms summed over ratings: `w = A⁻¹ (Σ f (r − μ − b_i) + D m)` with `A = D + Σ f fᵀ` and
//! the prior mean `m = base + Σ pattern/n^.3 + Σ attributes`. With `g = A⁻¹ (q, 1)`, a rating therefore adds
//! `g·f (r − μ − b_i) + g·D pattern/n^.3` to the prediction of an item. This takes n·k²/2 + k³/6 multiply-adds.

use super::ridge_map::pattern_scale;
use super::row_system::{Pull, Rated, RowSystem, Sensitivity, SolveRow};
use crate::linalg::vector::dot;
use crate::matrix::Matrix;
use crate::observer::Observer;
use serde::{Deserialize, Serialize};

/// What fold-in needs apart from the rows and patterns of the rated items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatingFoldIn {
    /// μ, the mean rating.
    pub(super) mean: f32,
    /// The strength of the pull towards the prior mean.
    pub(super) pull: Pull,
    /// The prior mean (k factors, bias) of a user without ratings or attributes.
    pub(super) prior: Vec<f32>,
    /// What each attribute adds to the prior mean, features × (k + 1).
    pub(super) attributes: Matrix,
}

impl RatingFoldIn {
    /// The row (k factors, 1, bias) of a user who rated some items. `ratings`, `item_rows` (their rows of
    /// [`super::RatingModel::item_rows`]) and `patterns` (their rows of [`super::RatingModel::item_patterns`]) are in
    /// the same order. `attributes` are features from [`super::AttributeEncoder::encode_row`]. Without ratings the row
    /// is the prior mean. If `observer` requests cancellation, the result is meaningless.
    pub fn user(
        &self,
        item_rows: &Matrix,
        patterns: &Matrix,
        ratings: &[f32],
        attributes: &[u32],
        observer: &dyn Observer,
    ) -> Vec<f32> {
        let k = self.prior.len() - 1;
        let rows = numbers(ratings);
        let mut row = self.prior(attributes);
        let scale = pattern_scale(ratings.len());
        let mut pattern = vec![0.0; k + 1];
        for entry in 0..patterns.rows() {
            pattern.iter_mut().zip(patterns.row(entry)).for_each(|(sum, x)| *sum += x);
        }
        row.iter_mut().zip(&pattern).for_each(|(x, pattern)| *x += scale * pattern);
        pulp::Arch::new().dispatch(SolveRow {
            system: &mut RowSystem::new(k),
            rated: self.rated(item_rows, &rows, ratings, observer),
            pull: self.pull,
            row: &mut row,
        });
        row.insert(k, 1.0);
        row
    }

    /// Explains the prediction for the item with `item_row`: the base without any rating, and what each rating adds.
    /// Their sum is `mean + user·item`, before clipping.
    pub fn contributions(
        &self,
        item_rows: &Matrix,
        patterns: &Matrix,
        ratings: &[f32],
        attributes: &[u32],
        item_row: &[f32],
        observer: &dyn Observer,
    ) -> (f64, Vec<f64>) {
        let k = self.prior.len() - 1;
        let rows = numbers(ratings);
        let rated = self.rated(item_rows, &rows, ratings, observer);
        let mut of = item_row[..=k].to_vec();
        of[k] = 1.0;
        let diagonal = self.pull.diagonal(ratings.len(), k);
        // D g, the weight of the prior mean. Without ratings it is f.
        let (mut sensitivity, mut of_prior) = (of.clone(), of.clone());
        if !ratings.is_empty() {
            let system = &mut RowSystem::new(k);
            sensitivity =
                pulp::Arch::new().dispatch(Sensitivity { system, rated, diagonal: &diagonal, of: &of });
            of_prior = sensitivity.iter().zip(&diagonal).map(|(x, pull)| x * pull).collect();
        }
        let base = f64::from(self.mean)
            + f64::from(item_row[k])
            + f64::from(dot(&of_prior, &self.prior(attributes)));
        let scale = pattern_scale(ratings.len());
        let contribution = |entry: usize| {
            let said = dot(&sensitivity[..k], item_rows.row(entry)) + sensitivity[k];
            let rating = said * rated.remainder(entry, k);
            f64::from(rating) + f64::from(scale * dot(&of_prior, patterns.row(entry)))
        };
        (base, (0..ratings.len()).map(contribution).collect())
    }

    /// The prior mean without the patterns of the rated items.
    fn prior(&self, attributes: &[u32]) -> Vec<f32> {
        let mut prior = self.prior.clone();
        for &feature in attributes.iter().filter(|&&feature| (feature as usize) < self.attributes.rows()) {
            prior.iter_mut().zip(self.attributes.row(feature as usize)).for_each(|(x, effect)| *x += effect);
        }
        prior
    }

    fn rated<'a>(
        &self,
        others: &'a Matrix,
        rows: &'a [u32],
        ratings: &'a [f32],
        observer: &'a dyn Observer,
    ) -> Rated<'a> {
        Rated { others, rows, ratings, mean: self.mean, observer }
    }
}

fn numbers(ratings: &[f32]) -> Vec<u32> {
    (0..ratings.len() as u32).collect()
}
