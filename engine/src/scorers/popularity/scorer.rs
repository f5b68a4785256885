//! Popularity as a way to score: the same for everybody, or for everybody in a segment.

use super::counts::{Popular, SegmentPopular};
use crate::observer::Observer;
use crate::ranking::Scored;
use crate::scorers::scorer::{Contributions, Items, Scorer, best_of_scores};

/// What is popular with whom a list is for.
#[derive(Clone, Copy, Debug)]
pub struct PopularityScorer<'a> {
    /// What is popular with everybody.
    pub everybody: Popular<'a>,
    /// What is popular in the person's segment, where that ranks.
    pub segment: Option<SegmentPopular<'a>>,
    /// Number of all items.
    pub items: usize,
    /// Number of items of the person's history.
    pub history: usize,
}

impl PopularityScorer<'_> {
    /// Items, the most popular first.
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

    /// Popular items come in their order already, so that a list to which nothing is added is their first ones. Items
    /// that nobody has are in none.
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
