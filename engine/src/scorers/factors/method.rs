//! The factor model as a [`Method`]. The factors of users and items are kept for all scorers that have any, because
//! segmentation needs them before any other scorer is fitted; so nothing is left to store.

use super::scorer::FactorScorer;
use super::tuning::dividing_factors;
use crate::error::Result;
use crate::interactions::Size;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::ranking::Source;
use crate::scorers::method::{Fitted, KnownUser, Method, SegmentSizes, SegmentView};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::scorer::Scorer;
use crate::scorers::sections::StoredSections;
use std::cell::RefCell;

/// Latent factors: the backbone and the segments' own item factors.
#[derive(Clone, Copy, Debug)]
pub struct Factors;

impl Method for Factors {
    fn name(&self) -> &'static str {
        "factors"
    }

    /// Four factor matrices per side (both fits and their rotated copies), those of users twice more while the order of
    /// their items is decided, and one row per (segment, item) pair, held twice.
    fn memory(&self, size: Size, segments: SegmentSizes, options: &Options) -> u64 {
        let (row, rows) = (4 * factors(options), own_rows(segments, options));
        row * (6 * size.users + 4 * size.items) as u64 + 2 * row * rows
    }

    /// User and item rows in tables, and item rows in the shared file with one code byte per four bytes.
    fn stored(&self, size: Size, segments: SegmentSizes, options: &Options) -> u64 {
        let (k, rows) = (factors(options), own_rows(segments, options));
        4 * k * size.users as u64 + 9 * k * (size.items as u64 + rows)
    }

    fn has_taste_factors(&self) -> bool {
        true
    }

    fn weighs_history(&self) -> bool {
        true
    }

    fn source(&self) -> Source {
        Source::Backbone
    }

    fn open<'a>(&self, _: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>> {
        Ok(Box::new(*self))
    }
}

impl Fitted for Factors {
    fn scorer<'a>(
        &'a self,
        view: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        Box::new(FactorScorer { user, items: view.factors })
    }

    fn fold_in(
        &self,
        view: SegmentView<'_>,
        user: KnownUser<'_>,
        observer: &dyn Observer,
    ) -> Option<Vec<f32>> {
        let rows = view.factors.rows.select(user.items).ok().filter(|rows| rows.rows() > 0)?;
        let positions: Vec<u32> = (0..rows.rows() as u32).collect();
        Some(view.factors.fold_in?.user(&rows, &positions, user.confidences, observer))
    }
}

fn factors(options: &Options) -> u64 {
    match options.algorithm.ranks_by_factors() {
        true => options.als.most_factors() as u64,
        false => dividing_factors(options) as u64,
    }
}

fn own_rows(segments: SegmentSizes, options: &Options) -> u64 {
    if options.algorithm.ranks_by_factors() { segments.pairs } else { 0 }
}
