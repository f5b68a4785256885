//! New items in the rows of users: the score of one is the mean of the scores of the items that it resembles, times the
//! boost. Rows of users are not rewritten for that. Instead each item has a sparse row of the new items that resemble it, and
//! a user's scores of new items are the sums of these rows, weighted by the user's row.

use crate::error::Result;
use crate::interactions::SparseRows;
use crate::scorers::neighbours::NeighbourRows;
use crate::scorers::new_items::NewItemShares;

/// The rows of new items (items × items) with some more of these.
///
/// # Errors
/// [`crate::EngineError::Shape`].
pub fn extended(before: &impl NeighbourRows, new: &NewItemShares<'_>) -> Result<SparseRows> {
    let end = new.items.last().map_or(0, |&item| item as usize + 1);
    let items = before.items().max(end).max(new.shares.width());
    let mut rows: Vec<Vec<(u32, f32)>> = vec![Vec::new(); items];
    for (item, row) in rows.iter_mut().enumerate().take(before.items()) {
        let (targets, weights) = before.row(item);
        row.extend(targets.iter().copied().zip(weights.iter().copied()));
    }
    for (place, &item) in new.items.iter().enumerate() {
        let (resembled, shares) = new.shares.row(place);
        for (&other, share) in resembled.iter().zip(shares) {
            rows[other as usize].push((item, new.boost * share));
        }
    }
    let (mut starts, mut targets, mut weights) = (vec![0], Vec::new(), Vec::new());
    for mut row in rows {
        row.sort_unstable_by_key(|entry| entry.0);
        targets.extend(row.iter().map(|entry| entry.0));
        weights.extend(row.iter().map(|entry| entry.1));
        starts.push(targets.len());
    }
    SparseRows::new(items, starts, targets, weights)
}
