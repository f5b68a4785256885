//! Scores from a user's own row of items, and of new items that resemble some of these.

use crate::observer::Observer;
use crate::scorers::contributions::Contributions;
use crate::scorers::method::UserRow;
use crate::scorers::neighbours::{NeighbourRows, NeighbourScratch};
use crate::scorers::scorer::{Items, Scorer};
use std::borrow::Cow;
use std::cell::RefCell;

/// The row of one user.
#[derive(Clone, Debug)]
pub struct UserRowScorer<'a> {
    /// The items, ascending, and their scores.
    items: Cow<'a, [u32]>,
    scores: Cow<'a, [f32]>,
    /// The number of items of the user's history, to which explanations refer.
    history: usize,
    /// The number of items in the model.
    all: usize,
}

impl<'a> UserRowScorer<'a> {
    /// A user's row, with the scores of new items if there are `new` ones that resemble others. The user has `history` items
    /// of `all`.
    pub fn new(
        row: UserRow<'a>,
        (history, all): (usize, usize),
        new: Option<impl NeighbourRows>,
        scratch: &RefCell<NeighbourScratch>,
    ) -> Self {
        let UserRow { items, weights } = row;
        let own = Self { items: Cow::Borrowed(items), scores: Cow::Borrowed(weights), history, all };
        let Some(new) = new else { return own };
        let mut scratch = scratch.borrow_mut();
        let (added, sums) = new.score_weighted(items, weights, &mut scratch);
        if added.is_empty() {
            return own;
        }
        let own = items.iter().copied().zip(weights.iter().copied());
        let mut both: Vec<(u32, f32)> = own.chain(added.iter().copied().zip(sums.iter().copied())).collect();
        both.sort_unstable_by_key(|entry| entry.0);
        let (items, scores): (Vec<u32>, Vec<f32>) = both.into_iter().unzip();
        Self { items: Cow::Owned(items), scores: Cow::Owned(scores), history, all }
    }

    fn score(&self, item: u32) -> f32 {
        self.items.binary_search(&item).map_or(0.0, |place| self.scores[place])
    }
}

impl Scorer for UserRowScorer<'_> {
    /// Whoever has no row is scored 0, whatever the item.
    fn covers(&self) -> Items<'_> {
        if self.items.is_empty() { Items::all(self.all) } else { Items::listed(&self.items) }
    }

    fn propose(&self, take: &mut dyn FnMut(&[u32], &[f32])) {
        take(&self.items, &self.scores);
    }

    fn proposes(&self) -> bool {
        !self.items.is_empty()
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        items.iter().map(|&item| self.score(item)).collect()
    }

    /// The score comes from other users, not from single items of the history: all of it is the base.
    fn contributions(&self, target: u32, _: &dyn Observer) -> Contributions {
        Contributions { base: f64::from(self.score(target)), of_items: vec![0.0; self.history] }
    }
}
