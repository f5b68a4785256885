//! Fits a rating model, and compares its errors on the holdout with those of biases.

use crate::error::Result;
use crate::evaluation::deciding_metric::{MOST_USERS, measured_users};
use crate::evaluation::errors::errors;
use crate::evaluation::{Gate, Holdout};
use crate::features::Table;
use crate::interactions::Interactions;
use crate::linalg::vector::dot;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::scorers::factors::Backbone;
use crate::scorers::ratings::rated::Rated;
use crate::scorers::ratings::{AttributeEncoder, Attributes, Biases, RatingModel};
use crate::training::fit::{Fit, TasteFactors};
use crate::training::given::Given;
use crate::training::holdout_metrics::Measurement;
use std::sync::Arc;

/// The name of the deciding metric in SQL.
const DECIDING_NAME: &str = "rmse";

/// Trains on ratings and on the attributes of users and items.
///
/// # Errors
/// [`crate::EngineError::NothingToTrainOn`], [`crate::EngineError::NotFinite`],
/// [`crate::EngineError::Cancelled`].
pub fn train(
    given: Given<'_>,
    ratings: &Interactions,
    options: &Options,
    observer: &dyn Observer,
) -> Result<TasteFactors> {
    let users: Vec<u32> = (0..ratings.users() as u32).collect();
    let (encoder, users) = attributes(&given.described.table.select(&users), observer)?.unzip();
    let items = attributes(&given.described.items, observer)?.map(|(_, items)| items);
    let (seed, users, items) = (options.seed, users.as_ref(), items.as_ref());
    let model = RatingModel::train(ratings, users, items, &options.rating, seed, observer)?;
    let RatingModel { mean, lowest, highest, user_rows, item_rows, item_patterns, losses, fold_in } = model;
    let backbone = Backbone { user_factors: user_rows, item_factors: item_rows, losses };
    let rated = Rated { mean, scale: (lowest, highest), item_patterns, fold_in, encoder };
    Ok(TasteFactors { backbone, rated: Some(Arc::new(rated)) })
}

/// Encodes the rows of a table as features; `None` if it has no columns.
fn attributes(table: &Table, observer: &dyn Observer) -> Result<Option<(AttributeEncoder, Attributes)>> {
    if table.columns().is_empty() {
        return Ok(None);
    }
    let encoder = AttributeEncoder::fit(table, observer)?;
    let attributes = encoder.encode(table, observer)?;
    Ok(Some((encoder, attributes)))
}

/// Measures the predictions of held-out ratings.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn measure(
    fit: &Fit,
    rated: &Rated,
    holdout: &Holdout,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Measurement> {
    let users = measured_users(holdout, MOST_USERS, seed);
    let biases = Biases::new(&holdout.training);
    let model = predictions(fit, rated, holdout, &users);
    let baseline = pairs(holdout, &users, |user, item| biases.predict(user, item));
    let groups: Vec<u32> = users.iter().map(|&user| fit.segments.of_user[user as usize]).collect();
    let groups = Some((groups.as_slice(), fit.segments.count()));
    let rows = match users.is_empty() {
        true => Vec::new(),
        false => errors(&model, &baseline, groups, seed, observer)?,
    };
    // Negated, because higher deciding values must be better.
    let deciding: Vec<f64> = model
        .iter()
        .map(|pairs| {
            let squares = pairs.iter().map(|&(predicted, actual)| f64::from(predicted - actual).powi(2));
            -squares.sum::<f64>() / pairs.len().max(1) as f64
        })
        .collect();
    let gates = vec![Gate::unmeasured(); fit.segments.count()];
    let (by_history, backbone) = (Vec::new(), deciding.clone());
    Ok(Measurement { metric: DECIDING_NAME, rows, by_history, gates, users, backbone, deciding })
}

/// The (predicted, actual) pairs of all held-out ratings of `users`.
pub fn predictions(fit: &Fit, rated: &Rated, holdout: &Holdout, users: &[u32]) -> Vec<Vec<(f32, f32)>> {
    pairs(holdout, users, |user, item| {
        let product = dot(fit.backbone.user_factors.row(user), fit.backbone.item_factors.row(item));
        rated.predicted(f64::from(product))
    })
}

fn pairs(holdout: &Holdout, users: &[u32], predict: impl Fn(usize, usize) -> f32) -> Vec<Vec<(f32, f32)>> {
    let of_user = |&user: &u32| {
        let (items, ratings) = holdout.test.row(user as usize);
        let predicted = items.iter().map(|&item| predict(user as usize, item as usize));
        predicted.zip(ratings.iter().copied()).collect()
    };
    users.iter().map(of_user).collect()
}
