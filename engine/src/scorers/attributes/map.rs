//! What attributes say about every item: `ŷ_j = pop_j/U + (a − ā)·V_j` with `V = (AᵀA + 100·I)⁻¹ AᵀR`, A the centred
//! attributes. The constant is not regularized, so that an average user gets what is popular.
//!
//! Scores are products of a user's point (a − ā, 1) with the row (V_j, pop_j/U) of each item, like those of factors.
//! AᵀA takes U·a²/2 multiply-adds, AᵀR one row of A per event, the solves a² per item. The ridge is about a hundred
//! users who have a level and none of the items.

use crate::error::{EngineError, Result};
use crate::interactions::Interactions;
use crate::linalg::cholesky::{factorize, solve};
use crate::linalg::product::row_scores;
use crate::linalg::{observed_gram, padded};
use crate::matrix::Matrix;
use crate::observer::Observer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

const RIDGE: f64 = 100.0;
/// Rows between two checks for cancellation.
const ROWS: usize = 1_024;

/// A map from attributes to scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeMap {
    /// ā.
    mean: Vec<f32>,
    /// V and pop_j / U, one row per item, items × (a + 1).
    rows: Matrix,
}

impl AttributeMap {
    /// Learns a map from the attributes (users × a) and the items of those users for whom `counts` is true.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there is not one row of attributes per user, [`EngineError::NotFinite`],
    /// [`EngineError::Cancelled`].
    pub fn fit(
        attributes: &Matrix,
        interactions: &Interactions,
        counts: impl Fn(u32) -> bool + Sync,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let columns = attributes.columns();
        if columns > 0 && attributes.rows() != interactions.users() {
            let (what, found) = ("rows of attributes", attributes.rows());
            return Err(EngineError::Shape { what, expected: interactions.users(), found });
        }
        let users: Vec<u32> = (0..interactions.users() as u32).filter(|&user| counts(user)).collect();
        let count = users.len().max(1) as f64;
        let mut sums = vec![0.0f64; columns];
        for (place, &user) in users.iter().enumerate() {
            if place.is_multiple_of(ROWS) {
                observer.check()?;
            }
            let row = attributes.row(user as usize);
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let mean: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
        let mut centred = attributes.clone();
        for user in 0..centred.rows() {
            if user.is_multiple_of(ROWS) {
                observer.check()?;
            }
            let is_counted = counts(user as u32);
            let row = centred.row_mut(user).iter_mut().zip(&mean);
            row.for_each(|(x, mean)| *x = if is_counted { *x - mean } else { 0.0 });
        }
        let (system, stride) = system(&centred, observer)?;
        let mut rows = Matrix::zeros(interactions.items(), columns + 1);
        rows.data_mut().par_chunks_mut(columns + 1).enumerate().try_for_each(|(item, row)| {
            observer.check()?;
            let (mut popularity, mut sums) = (0.0f64, vec![0.0f64; columns]);
            for &user in interactions.by_item().row(item).0.iter().filter(|&&user| counts(user)) {
                popularity += 1.0;
                let row = centred.row(user as usize);
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            let mut right = vec![0.0f32; stride];
            right.iter_mut().zip(&sums).for_each(|(x, &sum)| *x = sum as f32);
            solve(&system, stride, &mut right);
            row[..columns].copy_from_slice(&right[..columns]);
            row[columns] = (popularity / count) as f32;
            Ok(())
        })?;
        if rows.data().iter().any(|value| !value.is_finite()) {
            return Err(EngineError::NotFinite { what: "attributes" });
        }
        Ok(Self { mean, rows })
    }

    /// ā, a values.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// V and pop_j / U, one row per item, items × (a + 1).
    pub fn rows(&self) -> &Matrix {
        &self.rows
    }

    /// ŷ of every item for a user with the given attributes.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if these are of another number.
    pub fn scores(&self, attributes: &[f32]) -> Result<Vec<f32>> {
        let mut scores = vec![0.0; self.rows.rows()];
        row_scores(&centred(attributes, &self.mean)?, self.rows.view(), &mut scores);
        Ok(scores)
    }

    /// An upper estimate of the bytes at the peak of [`Self::fit`], and of the map itself.
    pub fn memory(users: usize, items: usize, columns: usize) -> u64 {
        (4 * columns * users + 4 * (columns + 1) * items + 12 * padded(columns) * padded(columns) + 4 * users)
            as u64
    }
}

/// A user's point (a − ā, 1).
///
/// # Errors
/// [`EngineError::Shape`] if attributes and mean are of different numbers.
pub fn centred(attributes: &[f32], mean: &[f32]) -> Result<Vec<f32>> {
    if attributes.len() != mean.len() {
        let (what, found) = ("attributes of a user", attributes.len());
        return Err(EngineError::Shape { what, expected: mean.len(), found });
    }
    Ok(attributes.iter().zip(mean).map(|(x, mean)| x - mean).chain([1.0]).collect())
}

/// The factorized system AᵀA + 100·I, and its stride.
fn system(centred: &Matrix, observer: &dyn Observer) -> Result<(Vec<f32>, usize)> {
    let (columns, stride) = (centred.columns(), padded(centred.columns()));
    let gram = observed_gram(centred, observer);
    observer.check()?;
    let mut system = vec![0.0f32; stride * stride];
    for row in 0..stride {
        for column in row..columns {
            system[row * stride + column] = gram[row * columns + column] as f32;
        }
        let square = if row < columns { gram[row * columns + row] } else { 0.0 };
        system[row * stride + row] = (square + RIDGE) as f32;
    }
    factorize(&mut system, stride);
    Ok((system, stride))
}
