//! Popularity as a [`Method`]. It needs no fit: the counts exist anyway, as a baseline and to fill up short lists.

use crate::scorers::method::Method;

/// Item popularity.
pub struct ItemPopularity;

impl Method for ItemPopularity {
    fn name(&self) -> &'static str {
        "popularity"
    }
}
