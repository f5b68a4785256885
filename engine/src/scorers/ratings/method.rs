//! Predicted ratings as a [`Method`]. It has no fit of its own, because segmentation needs the rows before any scorer
//! is fitted.

use super::rated::Rated;
use crate::interactions::Size;
use crate::options::checked::Options;
use crate::scorers::method::{Method, SegmentSizes};
use crate::scorers::sections::SectionKind;

/// Ratings predicted from explicit feedback.
pub struct PredictedRatings;

/// Columns of a row besides the factors: a bias and 1.
const BESIDES: u64 = 2;

impl Method for PredictedRatings {
    fn name(&self) -> &'static str {
        "ratings"
    }

    /// Rows, patterns and prior means of each side, for both fits.
    fn memory(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        let row = 4 * (options.rating.factors as u64 + BESIDES);
        6 * row * (size.users + size.items) as u64
    }

    /// User rows, item rows and item patterns in tables, and item rows and patterns in the file with one code byte per
    /// four bytes of rows.
    fn stored(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        let k = options.rating.factors as u64 + BESIDES;
        4 * k * size.users as u64 + 17 * k * size.items as u64
    }

    fn has_taste_factors(&self) -> bool {
        true
    }

    fn sections(&self, columns: usize) -> Vec<(&'static str, SectionKind)> {
        Rated::kinds(columns)
    }
}
