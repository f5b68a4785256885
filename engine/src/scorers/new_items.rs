//! Items without events, as scorers see them: by their own factors, and by the items that they resemble.

use crate::error::Result;
use crate::interactions::SparseRows;
use crate::matrix::Matrix;

/// Items without events, as mixtures of items with events.
#[derive(Clone, Copy, Debug)]
pub struct NewItemShares<'a> {
    /// The numbers of the new items, ascending.
    pub items: &'a [u32],
    /// For each new item, the shares of the items that it resembles (new items × items); the shares of a row add up to
    /// 1.
    pub shares: &'a SparseRows,
    /// What each item adds to itself in a history, as if it were its own neighbour.
    pub own_weights: &'a [f32],
    /// The factor applied to the scores of new items.
    pub boost: f32,
}

/// New items that no scorer has rows for.
#[derive(Clone, Debug, PartialEq)]
pub struct NewItems {
    /// Their factors, with the boost applied (new items × k).
    pub factors: Matrix,
    /// The shares of the items that they resemble (new items × items), each row with sum 1 or empty.
    pub shares: SparseRows,
    /// What each item adds to itself in a history.
    pub own_weights: Vec<f32>,
    /// The factor applied to their scores.
    pub boost: f32,
}

impl NewItems {
    /// As targets of weights between items, under these numbers.
    pub fn numbered<'a>(&'a self, items: &'a [u32]) -> NewItemShares<'a> {
        NewItemShares { items, shares: &self.shares, own_weights: &self.own_weights, boost: self.boost }
    }

    /// Adds others, which must be described by the same items.
    ///
    /// # Errors
    /// [`crate::EngineError::Shape`] if they are not.
    pub fn append(&mut self, others: &Self) -> Result<()> {
        let k = self.factors.columns();
        self.factors = Matrix::from_data(k, [self.factors.data(), others.factors.data()].concat())?;
        let (mut starts, mut items, mut shares) = (vec![0], Vec::new(), Vec::new());
        for rows in [&self.shares, &others.shares] {
            for row in 0..rows.rows() {
                items.extend_from_slice(rows.row(row).0);
                shares.extend_from_slice(rows.row(row).1);
                starts.push(items.len());
            }
        }
        self.shares = SparseRows::new(self.shares.width(), starts, items, shares)?;
        Ok(())
    }

    /// Their scores, if a score is the mean of those of the items that a new one resembles, to which the items of a
    /// history add what they add to themselves. `scores` scores ascending items. With 1,000 new items some 50,000
    /// additions.
    pub fn mean_scores(&self, history: &[u32], scores: impl FnOnce(&[u32]) -> Vec<f32>) -> Vec<f32> {
        let rows = 0..self.shares.rows();
        let mut resembled: Vec<u32> = rows.clone().flat_map(|row| self.shares.row(row).0).copied().collect();
        resembled.sort_unstable();
        resembled.dedup();
        let mut values = vec![0.0f32; self.shares.width()];
        for (&item, score) in resembled.iter().zip(scores(&resembled)) {
            values[item as usize] = score;
        }
        for &item in history {
            if let (Some(value), Some(own)) =
                (values.get_mut(item as usize), self.own_weights.get(item as usize))
            {
                *value += own;
            }
        }
        let mean = |row| {
            let (items, shares) = self.shares.row(row);
            let products = items.iter().zip(shares).map(|(&item, &share)| share * values[item as usize]);
            self.boost * products.sum::<f32>()
        };
        rows.map(mean).collect()
    }
}
