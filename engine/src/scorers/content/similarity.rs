//! Content as weights between items: a score of item j is the sum over the user's items i of w(i, j), as from
//! neighbours, so that lists, similar items and explanations follow from these rows as they do there.
//!
//! `w(i, j) = cos(z_i, z_j)⁴·d_i^−.4`: the power makes the nearest few count most, and a popular source says less about
//! the user's taste than a rare one.

use super::nearest::ContentIndex;
use crate::error::Result;
use crate::features::EncodedItems;
use crate::interactions::{Interactions, SparseRows};
use crate::observer::Observer;
use crate::scorers::neighbours::strongest::{Strongest, Weighted};

const COSINE_EXPONENT: i32 = 4;
const SOURCE_EXPONENT: f64 = -0.4;

/// The weights between items (items × items), from the `kept` nearest sources of every target. A source is an item with
/// events; a target may have none. Row i holds what item i adds to other items.
///
/// # Errors
/// [`crate::EngineError::Shape`] if there is not one vector per item, [`crate::EngineError::Cancelled`].
pub fn weights(
    items: &EncodedItems,
    interactions: &Interactions,
    kept: usize,
    observer: &dyn Observer,
) -> Result<SparseRows> {
    let by_item = interactions.by_item();
    let index = ContentIndex::new(items, |item| by_item.row_len(item as usize) > 0)?;
    let nearest = index.nearest(items, kept, true, observer)?;
    of_nearest(&nearest, interactions)
}

/// The weights (items × items) from the cosines of the nearest sources of every target (targets × sources).
///
/// # Errors
/// [`crate::EngineError::Shape`], if there are other items than in the interactions.
pub fn of_nearest(nearest: &SparseRows, interactions: &Interactions) -> Result<SparseRows> {
    let mut rows = Strongest::new(nearest.width(), usize::MAX);
    let weight = |(&source, &cosine): (&u32, &f32)| -> Weighted {
        let users = interactions.by_item().row_len(source as usize).max(1) as f64;
        (source, (f64::from(cosine.max(0.0)).powi(COSINE_EXPONENT) * users.powf(SOURCE_EXPONENT)) as f32)
    };
    for target in 0..nearest.rows() {
        let (sources, cosines) = nearest.row(target);
        for (source, weight) in sources.iter().zip(cosines).map(weight) {
            rows.push(source, target as u32, weight);
        }
    }
    rows.finish(nearest.rows())
}
