//! Items without events, as scorers see them: by their own factors, and by the items that they resemble.

use super::contributions::Contributions;
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
pub struct DescribedItems {
    /// Their factors, with the boost applied (new items × k).
    pub factors: Matrix,
    /// The shares of the items that they resemble (new items × items), each row with sum 1 or empty.
    pub shares: SparseRows,
    /// What each item adds to itself in a history.
    pub own_weights: Vec<f32>,
    /// The factor applied to their scores.
    pub boost: f32,
}

impl DescribedItems {
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
    /// history, with their weights, add what they add to themselves. `fill` writes the scores of items into a slice with one place for each.
    /// With 1,000 new items some 50,000 additions.
    pub fn mean_scores(
        &self,
        (history, weights): (&[u32], Option<&[f32]>),
        fill: impl FnOnce(&mut [f32]),
    ) -> Vec<f32> {
        let mut values = vec![0.0f32; self.shares.width()];
        fill(&mut values);
        for (place, &item) in history.iter().enumerate() {
            if let (Some(value), Some(own)) =
                (values.get_mut(item as usize), self.own_weights.get(item as usize))
            {
                *value += weights.map_or(1.0, |weights| weights[place]) * own;
            }
        }
        let mean = |row| {
            let (items, shares) = self.shares.row(row);
            let products = items.iter().zip(shares).map(|(&item, &share)| share * values[item as usize]);
            self.boost * products.sum::<f32>()
        };
        (0..self.shares.rows()).map(mean).collect()
    }

    /// The contributions to the score of the new item at a place, if they are the means of those to the items that it
    /// resembles.
    pub fn mean_contributions(&self, place: usize, of: impl Fn(u32) -> Contributions) -> Contributions {
        let mut mean = Contributions::default();
        let (items, shares) = self.shares.row(place);
        for (&item, &share) in items.iter().zip(shares) {
            let (Contributions { base, of_items }, share) =
                (of(item), f64::from(self.boost) * f64::from(share));
            mean.base += share * base;
            mean.of_items.resize(of_items.len(), 0.0);
            mean.of_items.iter_mut().zip(of_items).for_each(|(sum, own)| *sum += share * own);
        }
        mean
    }

    /// The items that any of them resembles, ascending.
    pub fn resembled(&self) -> Vec<u32> {
        let mut resembled: Vec<u32> =
            (0..self.shares.rows()).flat_map(|row| self.shares.row(row).0).copied().collect();
        resembled.sort_unstable();
        resembled.dedup();
        resembled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contributions_to_a_new_item_are_the_means_of_those_to_what_it_resembles() {
        let new = new_items(SparseRows::new(3, vec![0, 2, 2], vec![1, 2], vec![0.75, 0.25]).unwrap());
        let of = |item| Contributions { base: f64::from(item), of_items: vec![1.0, f64::from(10 * item)] };
        let expected = Contributions { base: 2.0 * 1.25, of_items: vec![2.0, 2.0 * 12.5] };
        assert_eq!(new.mean_contributions(0, of), expected);
        assert_eq!(new.mean_contributions(1, of), Contributions::default());
    }

    fn new_items(shares: SparseRows) -> DescribedItems {
        let factors = Matrix::zeros(shares.rows(), 2);
        DescribedItems { factors, shares, own_weights: vec![0.1, 0.2, 0.4], boost: 2.0 }
    }

    #[test]
    fn a_score_is_the_mean_of_what_a_new_item_resembles_and_its_own_items_add_to_themselves() {
        let mut new = new_items(SparseRows::new(3, vec![0, 2, 2], vec![1, 2], vec![0.75, 0.25]).unwrap());
        assert_eq!(new.resembled(), [1, 2]);
        let fill = |values: &mut [f32]| values.copy_from_slice(&[5.0, 3.0, 1.0]);
        assert_eq!(new.mean_scores((&[], None), fill), [5.0, 0.0]);
        let scores = new.mean_scores((&[0, 2, 9], None), fill);
        assert!((scores[0] - 2.0 * (0.75 * 3.0 + 0.25 * 1.4)).abs() < 1e-6);
        let others = new_items(SparseRows::new(3, vec![0, 1], vec![0], vec![1.0]).unwrap());
        new.append(&others).unwrap();
        assert_eq!(new.mean_scores((&[], None), fill), [5.0, 0.0, 10.0]);
        assert_eq!((new.factors.rows(), new.resembled()), (3, vec![0, 1, 2]));
        assert!(new.append(&new_items(SparseRows::new(4, vec![0, 1], vec![3], vec![1.0]).unwrap())).is_err());
    }
}
