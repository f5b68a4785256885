//! New items, as factors and neighbours score warm ones: without any training, from their content alone.
//!
//! The factors of a new item c are q̂_c ([`super::factor_map`]). Its neighbour score is the mean of those of the warm
//! items that are nearest to it, to which the user's own items add what an item would add to itself:
//! `n̂(u, c) = Σ_i s_ci [N(u, i) + .3·d_i^−.4·1(u has i)]`, `s_ci ∝ max(cos(z_c, z_i), 0)⁴·d_i/(d_i + 10)` over the 50
//! nearest, with sum 1. Both are in the units of warm items, so the same blend scores both: `p·q̂_c + κ n̂(u, c)`.
//!
//! A user takes one product and 50 look-ups of sums that warm items need anyway.

use super::factor_map::{FactorMap, item_weight};
use super::nearest::ContentIndex;
use crate::error::{EngineError, Result};
use crate::features::EncodedItems;
use crate::interactions::SparseRows;
use crate::matrix::Matrix;
use crate::observer::Observer;

/// The number of warm items that a new one is compared with.
const NEAREST: usize = 50;
/// The exponent of a cosine, which makes the nearest few count most.
const COSINE_EXPONENT: i32 = 4;
/// What an item of the user's own adds to itself, and the exponent of its number of users in it: about what the largest
/// weights between neighbours are.
const OWN_WEIGHT: f64 = 0.3;
const OWN_EXPONENT: f64 = -0.4;

/// New items as the scorers of warm items see them.
#[derive(Clone, Debug, PartialEq)]
pub struct ColdItems {
    /// q̂, new items × k.
    pub factors: Matrix,
    /// s, new items × warm items, each row with sum 1; empty for an item that is like no other.
    pub shares: SparseRows,
}

impl ColdItems {
    /// Describes new items by the warm ones of an index, of which `users` has the number of users of each.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the items have other columns than the map or the index, [`EngineError::Cancelled`].
    pub fn new(
        items: &EncodedItems,
        map: &FactorMap,
        index: &ContentIndex,
        users: &[u32],
        observer: &dyn Observer,
    ) -> Result<Self> {
        let nearest = index.nearest(items, NEAREST, false, observer)?;
        Self::of_nearest(items, map, &nearest, users, observer)
    }

    /// Describes new items by the warm ones that are nearest to each, given with their cosines (new items × items).
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_nearest(
        items: &EncodedItems,
        map: &FactorMap,
        nearest: &SparseRows,
        users: &[u32],
        observer: &dyn Observer,
    ) -> Result<Self> {
        let factors = map.item_factors(items, observer)?;
        Ok(Self { factors, shares: neighbour_shares(nearest, users)? })
    }

    /// n̂ of every new item. `values` has one value per warm item, from [`add_own_items`].
    pub fn neighbour_scores(&self, values: &[f32]) -> Vec<f32> {
        (0..self.shares.rows()).map(|item| neighbour_score(self.shares.row(item), values)).collect()
    }
}

/// n̂ of one new item: the mean of the values of warm items by its shares in them.
pub fn neighbour_score((items, shares): (&[u32], &[f32]), values: &[f32]) -> f32 {
    let products = items.iter().zip(shares).map(|(&item, &share)| {
        f64::from(share) * f64::from(values.get(item as usize).copied().unwrap_or(0.0))
    });
    products.sum::<f64>() as f32
}

/// Adds to the neighbour scores of warm items (one per item) what the user's own items add to themselves.
pub fn add_own_items(values: &mut [f32], history: &[u32], own_weights: &[f32]) {
    for &item in history {
        if let (Some(value), Some(weight)) = (values.get_mut(item as usize), own_weights.get(item as usize)) {
            *value += weight;
        }
    }
}

/// What each item adds to itself in a history, by its number of users: .3·d^−.4.
pub fn own_weights(users: &[u32]) -> Vec<f32> {
    users.iter().map(|&users| (OWN_WEIGHT * f64::from(users.max(1)).powf(OWN_EXPONENT)) as f32).collect()
}

/// s, from the cosines of the nearest warm items (new × warm) and the numbers of users of these.
///
/// # Errors
/// [`EngineError::Shape`] if the columns are not the items that are counted.
pub fn neighbour_shares(nearest: &SparseRows, users: &[u32]) -> Result<SparseRows> {
    if nearest.width() != users.len() {
        let (what, found) = ("items that are nearest", nearest.width());
        return Err(EngineError::Shape { what, expected: users.len(), found });
    }
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in 0..nearest.rows() {
        let (items, cosines) = nearest.row(row);
        let weight = |(&item, &cosine): (&u32, &f32)| {
            f64::from(cosine.max(0.0)).powi(COSINE_EXPONENT) * item_weight(users[item as usize] as usize)
        };
        let weights: Vec<f64> = items.iter().zip(cosines).map(weight).collect();
        let total: f64 = weights.iter().sum();
        if total > 0.0 {
            columns.extend_from_slice(items);
            values.extend(weights.iter().map(|weight| (weight / total) as f32));
        }
        starts.push(columns.len());
    }
    SparseRows::new(nearest.width(), starts, columns, values)
}
