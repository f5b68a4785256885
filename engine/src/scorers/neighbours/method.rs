//! Neighbours as a [`Method`].

use super::model::{NeighbourRows, NeighbourScratch, Neighbours};
use super::new_targets::extended;
use super::options::NeighbourMethod;
use super::ridge_content::RidgeContent;
use super::scorer::NeighbourScorer;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::interactions::{Size, SparseView};
use crate::observer::Observer;
use crate::options::algorithm::Algorithm;
use crate::options::checked::Options;
use crate::scorers::method::{FitInput, Fitted, KnownUser, Method, SegmentSizes, SegmentView};
use crate::scorers::new_items::NewItemShares;
use crate::scorers::scorer::Scorer;
use crate::scorers::sections::{NewSection, SectionKind, StoredSections};
use std::cell::RefCell;
use std::sync::Arc;

/// Item-to-item weights, from co-occurrence, a ridge regression or EASE.
pub struct ItemNeighbours;

/// The section that holds the weights: row i holds the weights that item i adds to other items.
pub const WEIGHTS: &str = "weights";

/// Whether the weights come from the local ridge.
fn is_ridge(options: &Options) -> bool {
    options.algorithm != Algorithm::Ease && options.neighbours.method == NeighbourMethod::Ridge
}

impl Method for ItemNeighbours {
    fn name(&self) -> &'static str {
        "neighbours"
    }

    fn memory(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        let Size { users, items, events, threads, .. } = size;
        match options.algorithm {
            Algorithm::Ease => Neighbours::ease_memory(items),
            _ => Neighbours::memory(users, items, events, &options.neighbours.options(0.0), threads),
        }
    }

    /// A column number and a weight for each neighbour, in tables and in the file.
    fn stored(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        let kept = match options.algorithm {
            Algorithm::Ease => options.ease.kept,
            _ => options.neighbours.kept,
        };
        (2 * 8 * size.items * kept.min(size.items)) as u64
    }

    fn weighs_history(&self) -> bool {
        true
    }

    fn reads_order(&self, options: &Options) -> bool {
        is_ridge(options)
    }

    fn reads_content(&self, options: &Options) -> bool {
        is_ridge(options)
    }

    fn share(&self, options: &Options) -> AutoOr<f64> {
        options.neighbours.share
    }

    fn fit(
        &self,
        FitInput { interactions, content, .. }: FitInput<'_>,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        let neighbours = match options.algorithm {
            Algorithm::Ease => {
                Neighbours::ease(interactions, options.ease.regularization, options.ease.kept, observer)?
            }
            _ => {
                let weight = options.neighbours.content.unwrap_or_else(|| 0.0);
                let content = content.filter(|_| weight > 0.0).map(|content| RidgeContent {
                    items: &content.items,
                    nearest: &content.nearest,
                    weight,
                });
                let distance = options.order.distance.unwrap_or_else(|| 0.0);
                let options = options.neighbours.options(distance);
                Neighbours::train_with_content(interactions, &options, content, observer)?
            }
        };
        Ok(Some(Arc::new(neighbours)))
    }

    fn sections(&self, _: usize) -> Vec<(&'static str, SectionKind)> {
        vec![(WEIGHTS, SectionKind::Sparse)]
    }

    fn open<'a>(&self, sections: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>> {
        Ok(Box::new(sections.sparse(WEIGHTS)?))
    }
}

impl Fitted for Neighbours {
    fn with_new_items(
        &self,
        new: &NewItemShares<'_>,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        Ok(Some(Arc::new(extended(self, new, observer)?)))
    }

    fn scorer<'a>(
        &'a self,
        _: SegmentView<'a>,
        user: KnownUser<'a>,
        scratch: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        scorer(self, user, scratch)
    }

    fn sections(&self) -> Result<Vec<(&'static str, NewSection<'_>)>> {
        Ok(vec![(WEIGHTS, NewSection::Sparse(self.rows()))])
    }
}

impl Fitted for SparseView<'_> {
    fn with_new_items(
        &self,
        new: &NewItemShares<'_>,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        Ok(Some(Arc::new(extended(self, new, observer)?)))
    }

    fn scorer<'a>(
        &'a self,
        _: SegmentView<'a>,
        user: KnownUser<'a>,
        scratch: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        scorer(*self, user, scratch)
    }

    fn column(&self, target: u32) -> Option<Vec<f32>> {
        let weight = |source| {
            let (named, weights) = self.row(source);
            named.binary_search(&target).map_or(0.0, |place| weights[place])
        };
        Some((0..self.rows()).map(weight).collect())
    }

    fn similar(&self, item: u32) -> Option<(&[u32], &[f32])> {
        Some(self.row(item as usize))
    }
}

fn scorer<'a>(
    rows: impl NeighbourRows + 'a,
    KnownUser { items, weights, .. }: KnownUser<'a>,
    scratch: &'a RefCell<NeighbourScratch>,
) -> Box<dyn Scorer + 'a> {
    Box::new(NeighbourScorer { rows, history: items, weights, scratch })
}
