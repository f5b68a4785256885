//! Scores from what is popular now, which are the same for all users.

use super::counts::RecentCounts;
use crate::observer::Observer;
use crate::scorers::contributions::Contributions;
use crate::scorers::scorer::{Items, Scorer};

/// What is popular now.
#[derive(Clone, Copy, Debug)]
pub struct PopularNowScorer<'a> {
    /// The decayed counts of items; `None` if they are not known.
    pub recent: Option<&'a RecentCounts>,
    /// The number of items in the model.
    pub items: usize,
    /// The number of items in the user's history.
    pub history: usize,
}

impl Scorer for PopularNowScorer<'_> {
    fn covers(&self) -> Items<'_> {
        Items::all(self.items)
    }

    fn joins(&self) -> &[u32] {
        self.recent.map_or(&[], RecentCounts::top)
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        match self.recent {
            Some(recent) => items.iter().map(|&item| recent.score(item)).collect(),
            None => vec![0.0; items.len()],
        }
    }

    fn contributions(&self, target: u32, _: &dyn Observer) -> Contributions {
        let base = self.recent.map_or(0.0, |recent| f64::from(recent.score(target)));
        Contributions { base, of_items: vec![0.0; self.history] }
    }
}
