//! Popularity as a training sees it: it is counted anyway, for baselines and for what fills lists.

use crate::scorers::method::Method;

/// What is popular.
pub struct ItemPopularity;

impl Method for ItemPopularity {
    fn name(&self) -> &'static str {
        "popularity"
    }
}
