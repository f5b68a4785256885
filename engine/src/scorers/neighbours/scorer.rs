//! Scores from neighbours: the sum of the weights that a user's items add to another item.

use super::model::{NeighbourRows, NeighbourScratch};
use crate::observer::Observer;
use crate::scorers::contributions::Contributions;
use crate::scorers::new_items::DescribedItems;
use crate::scorers::scorer::{Items, Scorer};
use std::cell::RefCell;

/// The items of one user, and the weights between items.
#[derive(Clone, Copy, Debug)]
pub struct NeighbourScorer<'a, R> {
    /// The rows of weights of all items.
    pub rows: R,
    /// The user's items that the model uses, ascending.
    pub history: &'a [u32],
    /// The weight of each item of `history`; `None` means 1 each.
    pub weights: Option<&'a [f32]>,
    /// Scratch space for the sums.
    pub scratch: &'a RefCell<NeighbourScratch>,
}

impl<R: NeighbourRows> Scorer for NeighbourScorer<'_, R> {
    fn covers(&self) -> Items<'_> {
        Items::all(self.rows.items())
    }

    fn propose(&self, take: &mut dyn FnMut(&[u32], &[f32])) {
        let mut scratch = self.scratch.borrow_mut();
        let (items, sums) = match self.weights {
            Some(weights) => self.rows.score_weighted(self.history, weights, &mut scratch),
            None => self.rows.score(self.history, &mut scratch),
        };
        take(items, sums);
    }

    fn proposes(&self) -> bool {
        true
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        let mut scores = Vec::new();
        self.propose(&mut |named, sums| {
            let sum = |item: &u32| named.binary_search(item).map_or(0.0, |place| sums[place]);
            scores = items.iter().map(sum).collect();
        });
        scores
    }

    fn scores_of_new(&self, new: &DescribedItems) -> Vec<f32> {
        new.mean_scores((self.history, self.weights), |values| {
            self.propose(&mut |items, sums| {
                for (&item, &sum) in items.iter().zip(sums) {
                    if let Some(value) = values.get_mut(item as usize) {
                        *value = sum;
                    }
                }
            });
        })
    }

    fn contributions_to_new(
        &self,
        new: &DescribedItems,
        place: usize,
        observer: &dyn Observer,
    ) -> Contributions {
        let adds_to_itself = |target: u32| {
            let mut contributions = self.contributions(target, observer);
            if let Some(place) = self.history.iter().position(|item| *item == target) {
                let own = new.own_weights.get(target as usize).copied().unwrap_or(0.0);
                contributions.of_items[place] += f64::from(self.weight(place)) * f64::from(own);
            }
            contributions
        };
        new.mean_contributions(place, adds_to_itself)
    }

    fn contributions(&self, target: u32, _: &dyn Observer) -> Contributions {
        let weight = |(place, &item): (usize, &u32)| {
            let (named, weights) = self.rows.row(item as usize);
            let own = f64::from(self.weight(place));
            named.binary_search(&target).map_or(0.0, |place| own * f64::from(weights[place]))
        };
        Contributions { base: 0.0, of_items: self.history.iter().enumerate().map(weight).collect() }
    }
}

impl<R> NeighbourScorer<'_, R> {
    /// The weight of the item at a place of the history.
    fn weight(&self, place: usize) -> f32 {
        self.weights.map_or(1.0, |weights| weights[place])
    }
}
