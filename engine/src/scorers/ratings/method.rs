//! Predicted ratings as a [`Method`]. Segmentation needs the rows of users and items before any other scorer is fitted,
//! so they are kept where those of the factor model are.

use super::attributes::AttributeEncoder;
use super::rated::{OpenedRatings, Rated};
use super::scorer::RatingScorer;
use crate::error::Result;
use crate::interactions::Size;
use crate::matrix::Rows;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::ranking::Source;
use crate::scorers::factors::FactorScorer;
use crate::scorers::method::{Fitted, KnownUser, Method, SegmentSizes, SegmentView};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::scorer::Scorer;
use crate::scorers::sections::{NewSection, SectionKind, StoredSections};
use std::cell::RefCell;

/// Ratings predicted from explicit feedback.
pub struct PredictedRatings;

/// Columns of a row besides the factors: a bias and 1.
const BESIDES: usize = 2;

impl Method for PredictedRatings {
    fn name(&self) -> &'static str {
        "ratings"
    }

    /// Rows, patterns and prior means of each side, for both fits.
    fn memory(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        let row = 4 * (options.rating.factors + BESIDES) as u64;
        6 * row * (size.users + size.items) as u64
    }

    /// User rows, item rows and item patterns in tables, and item rows and patterns in the file with one code byte per
    /// four bytes of rows.
    fn stored(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        let k = (options.rating.factors + BESIDES) as u64;
        4 * k * size.users as u64 + 17 * k * size.items as u64
    }

    fn has_taste_factors(&self) -> bool {
        true
    }

    fn taste_columns(&self, columns: usize) -> usize {
        columns.saturating_sub(BESIDES)
    }

    fn source(&self) -> Source {
        Source::Scorer("rating")
    }

    fn sections(&self, columns: usize) -> Vec<(&'static str, SectionKind)> {
        Rated::kinds(columns)
    }

    fn open<'a>(&self, sections: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>> {
        Ok(Box::new(Rated::open(sections)?))
    }
}

impl Fitted for Rated {
    fn scorer<'a>(
        &'a self,
        view: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        scorer(self, self.item_patterns.view(), view, user)
    }

    fn sections(&self) -> Result<Vec<(&'static str, NewSection<'_>)>> {
        Rated::sections(self)
    }

    fn fold_in(
        &self,
        view: SegmentView<'_>,
        user: KnownUser<'_>,
        observer: &dyn Observer,
    ) -> Option<Vec<f32>> {
        OpenedRatings { rated: self, patterns: self.item_patterns.view() }.fold_in(view, user, observer)
    }

    fn encoder(&self) -> Option<&AttributeEncoder> {
        self.encoder.as_ref()
    }

    fn shown(&self, score: f32) -> f32 {
        self.predicted(f64::from(score))
    }
}

impl Fitted for OpenedRatings<'_> {
    fn scorer<'a>(
        &'a self,
        view: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        scorer(self.rated, self.patterns, view, user)
    }

    /// Without ratings and attributes, the row is that of the average user.
    fn fold_in(
        &self,
        view: SegmentView<'_>,
        KnownUser { items, confidences, attributes, .. }: KnownUser<'_>,
        observer: &dyn Observer,
    ) -> Option<Vec<f32>> {
        let rows = view.factors.rows.select(items).ok()?;
        let patterns = self.patterns.select(items);
        Some(self.rated.fold_in.user(&rows, &patterns, confidences, attributes, observer))
    }

    fn encoder(&self) -> Option<&AttributeEncoder> {
        self.rated.encoder.as_ref()
    }

    fn shown(&self, score: f32) -> f32 {
        self.rated.predicted(f64::from(score))
    }
}

fn scorer<'a>(
    rated: &'a Rated,
    patterns: Rows<'a>,
    view: SegmentView<'a>,
    user: KnownUser<'a>,
) -> Box<dyn Scorer + 'a> {
    Box::new(RatingScorer { factors: FactorScorer { user, items: view.factors }, rated, patterns })
}
