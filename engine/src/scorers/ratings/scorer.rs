//! Scores from ratings: the predicted rating of an item, less the mean rating.

use super::rated::Rated;
use crate::matrix::Rows;
use crate::observer::Observer;
use crate::ranking::Scored;
use crate::scorers::contributions::Contributions;
use crate::scorers::factors::FactorScorer;
use crate::scorers::scorer::{Items, Scorer};

/// The row of one user, and what is needed to explain predictions.
#[derive(Clone, Copy, Debug)]
pub struct RatingScorer<'a> {
    /// The rows of the user and of the items, and the user's ratings.
    pub factors: FactorScorer<'a>,
    /// The other parts of the rating model.
    pub rated: &'a Rated,
    /// What having rated an item adds to a user's prior mean; items × (k + 1).
    pub patterns: Rows<'a>,
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
        let (user, all_rows) = (self.factors.user, self.factors.items.rows);
        let Ok(rows) = all_rows.select(user.items) else {
            return Contributions { base: 0.0, of_items: vec![0.0; user.items.len()] };
        };
        let (patterns, row) = (self.patterns.select(user.items), all_rows.row(target));
        let (ratings, attributes) = (user.confidences, user.attributes);
        let (base, of_items) =
            self.rated.fold_in.contributions(&rows, &patterns, ratings, attributes, row, observer);
        Contributions { base, of_items }
    }
}
