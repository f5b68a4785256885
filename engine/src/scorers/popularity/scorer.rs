//! Scores from popularity, which are the same for all users or for all users of a segment.

use super::counts::{Popular, SegmentPopular};
use crate::observer::Observer;
use crate::ranking::Scored;
use crate::scorers::contributions::Contributions;
use crate::scorers::scorer::{Items, Scorer, best_of_scores};

/// Popularity overall and, if it should be used, in the user's segment.
#[derive(Clone, Copy, Debug)]
pub struct PopularityScorer<'a> {
    /// Popularity among all users.
    pub everybody: Popular<'a>,
    /// Popularity in the user's segment; `None` to score by that among all users.
    pub segment: Option<SegmentPopular<'a>>,
    /// The number of items in the model.
    pub items: usize,
    /// The number of items in the user's history.
    pub history: usize,
}

impl PopularityScorer<'_> {
    /// The items, most popular first.
    fn each(&self) -> Box<dyn Iterator<Item = Scored> + '_> {
        match self.segment {
            Some(segment) => Box::new(segment.items()),
            None => Box::new(self.everybody.items()),
        }
    }
}

impl Scorer for PopularityScorer<'_> {
    fn covers(&self) -> Items<'_> {
        Items::all(self.items)
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        let mut of_item = vec![0.0; self.items];
        self.each().for_each(|scored| of_item[scored.item as usize] = scored.score);
        items.iter().map(|&item| of_item[item as usize]).collect()
    }

    /// The items are already sorted by popularity, so with empty `added` the list is a prefix. Items without any user
    /// are never listed.
    fn best(&self, items: Items<'_>, weight: f32, added: &[f32], n: usize) -> Vec<Scored> {
        if !added.is_empty() {
            return best_of_scores(self, items, weight, added, n);
        }
        let (listed, _, excluded) = items.parts();
        let asked = self.each().filter(|Scored { item, .. }| {
            listed.is_none_or(|items| items.binary_search(item).is_ok())
                && excluded.binary_search(item).is_err()
        });
        asked.take(n).map(|Scored { item, score }| Scored { item, score: weight * score }).collect()
    }

    fn contributions(&self, target: u32, _: &dyn Observer) -> Contributions {
        let base = self.scores(&[target]).first().copied().map_or(0.0, f64::from);
        Contributions { base, of_items: vec![0.0; self.history] }
    }
}
