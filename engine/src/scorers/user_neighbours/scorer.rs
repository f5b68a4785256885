//! Scores from a user's own row of items.

use crate::observer::Observer;
use crate::scorers::contributions::Contributions;
use crate::scorers::method::UserRow;
use crate::scorers::scorer::{Items, Scorer};

/// The row of one user.
#[derive(Clone, Copy, Debug)]
pub struct UserRowScorer<'a> {
    /// The items and their scores.
    pub row: UserRow<'a>,
    /// The number of items of the user's history, to which explanations refer.
    pub history: usize,
}

impl UserRowScorer<'_> {
    fn score(&self, item: u32) -> f32 {
        self.row.items.binary_search(&item).map_or(0.0, |place| self.row.weights[place])
    }
}

impl Scorer for UserRowScorer<'_> {
    fn covers(&self) -> Items<'_> {
        Items::listed(self.row.items)
    }

    fn propose(&self, take: &mut dyn FnMut(&[u32], &[f32])) {
        take(self.row.items, self.row.weights);
    }

    fn proposes(&self) -> bool {
        true
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        items.iter().map(|&item| self.score(item)).collect()
    }

    /// The score comes from other users, not from single items of the history: all of it is the base.
    fn contributions(&self, target: u32, _: &dyn Observer) -> Contributions {
        Contributions { base: f64::from(self.score(target)), of_items: vec![0.0; self.history] }
    }
}
