//! Popularity as a [`Method`]. There is nothing to fit or store: the counts exist anyway, as a baseline and to fill up
//! short lists.

use super::scorer::PopularityScorer;
use crate::error::Result;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::ranking::Source;
use crate::scorers::method::{FitInput, Fitted, KnownUser, Method, SegmentView};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::scorer::Scorer;
use crate::scorers::sections::StoredSections;
use std::cell::RefCell;
use std::sync::Arc;

/// Item popularity.
#[derive(Clone, Copy, Debug)]
pub struct ItemPopularity;

impl Method for ItemPopularity {
    fn name(&self) -> &'static str {
        "popularity"
    }

    fn source(&self) -> Source {
        Source::Popular
    }

    fn fit(&self, _: FitInput<'_>, _: &Options, _: &dyn Observer) -> Result<Option<Arc<dyn Fitted>>> {
        Ok(Some(Arc::new(*self)))
    }

    fn open<'a>(&self, _: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>> {
        Ok(Box::new(*self))
    }
}

impl Fitted for ItemPopularity {
    fn scorer<'a>(
        &'a self,
        SegmentView { everybody, segment, items, .. }: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        Box::new(PopularityScorer { everybody, segment, items, history: user.items.len() })
    }
}
