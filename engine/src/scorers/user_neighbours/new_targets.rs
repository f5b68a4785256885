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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorers::method::UserRow;
    use crate::scorers::scorer::Scorer;
    use crate::scorers::user_neighbours::UserRowScorer;
    use std::cell::RefCell;

    #[test]
    fn a_new_item_scores_as_those_that_it_resembles_and_later_ones_join_it() {
        let none = SparseRows::new(3, vec![0; 4], Vec::new(), Vec::new()).unwrap();
        let of = |before: &SparseRows, item: u32, shares: [f32; 2]| {
            let shares = SparseRows::new(3, vec![0, 2], vec![0, 2], shares.to_vec()).unwrap();
            let new = NewItemShares { items: &[item], shares: &shares, own_weights: &[], boost: 2.0 };
            extended(&before, &new).unwrap()
        };
        let one = of(&none, 3, [0.25, 0.75]);
        let both = of(&one, 4, [1.0, 0.0]);
        let row = UserRow { items: &[0, 1], weights: &[0.5, 0.1] };
        let scratch = RefCell::default();
        let scores = |new: &SparseRows| {
            UserRowScorer::new(row, (0, new.rows()), Some(new), &scratch).scores(&[0, 1, 2, 3, 4])
        };
        assert_eq!(scores(&one), [0.5, 0.1, 0.0, 0.25, 0.0]);
        assert_eq!(scores(&both), [0.5, 0.1, 0.0, 0.25, 1.0]);
    }
}
