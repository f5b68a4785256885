//! Content as weights between items: a score of item j is the sum over the user's items i of w(i, j), as from
//! neighbours, so that lists, similar items and explanations follow from these rows as they do there.
//!
//! `w(i, j) = max(cos(z_i, z_j), 0)²` over the 50 nearest sources of a target. On lists of cold items (`benches/run.sh
//! content`: MovieLens 100k without embeddings and with, Online Retail the same) this reaches ndcg@20 .253, .300, .354
//! and .358, the cosine itself .266, .302, .329 and .332, its fourth power .223, .287, .354 and .361. Sources that weigh
//! less the more users they have were worse everywhere, by .02 to .01 with d^−.4.

use super::nearest::ContentIndex;
use crate::error::Result;
use crate::features::EncodedItems;
use crate::interactions::{Interactions, SparseRows};
use crate::observer::Observer;
use crate::scorers::neighbours::strongest::Strongest;

/// Targets between two checks for cancellation.
const TARGETS: usize = 1_024;

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
    let index = ContentIndex::new(items, |item| by_item.row_len(item as usize) > 0, observer)?;
    let nearest = index.nearest(items, kept, true, observer)?;
    of_nearest(&nearest, observer)
}

/// The weights (items × items) from the cosines of the nearest sources of every target (targets × sources).
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn of_nearest(nearest: &SparseRows, observer: &dyn Observer) -> Result<SparseRows> {
    let mut rows = Strongest::new(nearest.width(), usize::MAX);
    for target in 0..nearest.rows() {
        if target.is_multiple_of(TARGETS) {
            observer.check()?;
        }
        let (sources, cosines) = nearest.row(target);
        for (&source, &cosine) in sources.iter().zip(cosines) {
            rows.push(source, target as u32, cosine.max(0.0).powi(2));
        }
    }
    rows.finish(nearest.rows())
}
