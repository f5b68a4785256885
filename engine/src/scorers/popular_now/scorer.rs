//! Scores from what is popular now, which are the same for all users of a segment.

use super::counts::RecentCounts;
use super::in_segment::InSegment;
use crate::observer::Observer;
use crate::scorers::contributions::Contributions;
use crate::scorers::scorer::{Items, Scorer};
use std::borrow::Cow;

/// What is popular now.
#[derive(Clone, Debug)]
pub struct PopularNowScorer<'a> {
    /// The decayed counts of items; `None` if they are not known.
    recent: Option<InSegment<'a>>,
    joins: Cow<'a, [u32]>,
    /// The number of items in the model.
    items: usize,
    /// The number of items in the user's history.
    history: usize,
}

impl<'a> PopularNowScorer<'a> {
    /// Scores by counts, if they are known, as they are seen in a segment, for a model with `items` items and a user with
    /// `history` of them.
    pub fn new(recent: Option<&'a RecentCounts>, segment: Option<u32>, items: usize, history: usize) -> Self {
        let recent = recent.map(|recent| InSegment::new(recent, segment));
        let joins = recent.map_or(Cow::Borrowed(&[][..]), |recent| recent.top());
        Self { recent, joins, items, history }
    }
}

impl Scorer for PopularNowScorer<'_> {
    fn covers(&self) -> Items<'_> {
        Items::all(self.items)
    }

    fn joins(&self) -> &[u32] {
        &self.joins
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        match self.recent {
            Some(recent) => recent.scores(items),
            None => vec![0.0; items.len()],
        }
    }

    fn contributions(&self, target: u32, _: &dyn Observer) -> Contributions {
        let base = self.scores(&[target]).iter().copied().map(f64::from).sum();
        Contributions { base, of_items: vec![0.0; self.history] }
    }
}
