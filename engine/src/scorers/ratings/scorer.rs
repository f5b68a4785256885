//! Scores from ratings: the predicted rating of an item, less the mean rating.

use super::rated::Rated;
use crate::matrix::Rows;
use crate::observer::Observer;
use crate::ranking::Scored;
use crate::scorers::factors::FactorScorer;
use crate::scorers::scorer::{Contributions, Items, Scorer};

/// The row of one user, and what is needed to explain predictions.
#[derive(Clone, Copy, Debug)]
pub struct RatingScorer<'a> {
    /// The rows of the user and of the items, and the user's ratings.
    pub factors: FactorScorer<'a>,
    /// The other parts of the rating model.
    pub rated: &'a Rated,
    /// What having rated an item adds to a user's prior mean; items × (k + 1).
    pub patterns: Rows<'a>,
    /// The user's attributes as features, ascending.
    pub attributes: &'a [u32],
}

impl Scorer for RatingScorer<'_> {
    fn covers(&self) -> Items<'_> {
        self.factors.covers()
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        self.factors.scores(items)
    }

    fn best(&self, items: Items<'_>, weight: f32, added: &[f32], n: usize) -> Vec<Scored> {
        self.factors.best(items, weight, added, n)
    }

    fn contributions(&self, target: u32, observer: &dyn Observer) -> Contributions {
        let (items, ratings) = self.factors.history;
        let Ok(rows) = self.factors.rows.select(items) else {
            return Contributions { base: 0.0, of_items: vec![0.0; items.len()] };
        };
        let patterns = self.patterns.select(items);
        let row = self.factors.rows.row(target);
        let (base, of_items) =
            self.rated.fold_in.contributions(&rows, &patterns, ratings, self.attributes, row, observer);
        Contributions { base, of_items }
    }
}
