//! Scores a user's own items by how they were taken.

use super::rhythms::taken_again;
use crate::interactions::Repeat;
use crate::matrix::Rows;
use crate::observer::Observer;
use crate::scorers::contributions::Contributions;
use crate::scorers::method::KnownUser;
use crate::scorers::scorer::{Items, Scorer};

/// The own items of one user; others score 0.
#[derive(Clone, Debug)]
pub struct RepeatScorer<'a> {
    /// The user's items, ascending; empty if it is not known how they were taken.
    items: &'a [u32],
    /// One score per item.
    scores: Vec<f32>,
    /// The number of items in the user's history.
    history: usize,
    /// The number of items in the model.
    all: usize,
}

impl<'a> RepeatScorer<'a> {
    /// Scores the items of a user, of `all` items in the model, by the rhythms of items, see [`super::rhythms`].
    pub fn new(user: KnownUser<'a>, all: usize, rhythms: Rows<'_>) -> Self {
        let history = user.items.len();
        if user.repeats.len() != history {
            return Self { items: &[], scores: Vec::new(), history, all };
        }
        let score = |(&item, own): (&u32, &Repeat)| taken_again(rhythms, item, own);
        Self {
            items: user.items,
            scores: user.items.iter().zip(user.repeats).map(score).collect(),
            history,
            all,
        }
    }

    fn place(&self, item: u32) -> Option<usize> {
        self.items.binary_search(&item).ok()
    }
}

impl Scorer for RepeatScorer<'_> {
    /// Beside others it must not narrow what these rank: what the user does not have is scored 0.
    fn covers(&self) -> Items<'_> {
        Items::all(self.all)
    }

    fn joins(&self) -> &[u32] {
        self.items
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        items.iter().map(|&item| self.place(item).map_or(0.0, |place| self.scores[place])).collect()
    }

    /// The score of an item comes from the item itself.
    fn contributions(&self, target: u32, _: &dyn Observer) -> Contributions {
        let mut of_items = vec![0.0; self.history];
        if let Some(place) = self.place(target) {
            of_items[place] = f64::from(self.scores[place]);
        }
        Contributions { base: 0.0, of_items }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::observer::Silent;

    #[test]
    fn own_items_are_scored_by_number_and_age_and_explained_by_themselves() {
        // No item has a rhythm.
        let rhythms = Matrix::from_data(3, [10.0, 100.0, 1.0].repeat(3)).unwrap();
        let repeat = |times: f32, since: f32| Repeat { times, span: 0.0, since };
        let repeats = [repeat(4.0, 20.0), repeat(1.0, 0.0)];
        let user = KnownUser { items: &[0, 2], repeats: &repeats, ..KnownUser::default() };
        let scorer = RepeatScorer::new(user, 3, rhythms.view());
        // 4 · 2^−2 = 1, and 1.
        assert_eq!(scorer.scores(&[0, 1, 2, 9]), [2f32.ln(), 0.0, 2f32.ln(), 0.0]);
        assert_eq!(scorer.joins(), [0, 2]);
        let explained = scorer.contributions(2, &Silent);
        assert_eq!((explained.base, explained.of_items), (0.0, vec![0.0, f64::from(2f32.ln())]));
        // Who is not known to have taken anything scores nothing, but is explained over their history.
        let unknown = RepeatScorer::new(KnownUser { repeats: &[], ..user }, 3, rhythms.view());
        assert_eq!((unknown.joins().len(), unknown.scores(&[0])[0]), (0, 0.0));
        assert_eq!(unknown.contributions(0, &Silent).of_items.len(), 2);
    }
}
