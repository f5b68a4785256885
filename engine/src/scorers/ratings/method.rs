//! Ratings as a training sees them. Their fit is that of the training itself, since users are divided by it.

use super::rated::Rated;
use crate::interactions::Size;
use crate::options::checked::Options;
use crate::scorers::method::{Method, SegmentSizes};
use crate::scorers::sections::SectionKind;

/// Predicted ratings.
pub struct PredictedRatings;

/// Columns of a row besides factors: a bias and 1.
const BESIDES: u64 = 2;

impl Method for PredictedRatings {
    fn name(&self) -> &'static str {
        "ratings"
    }

    /// Rows, patterns and prior means of each side, of both fits.
    fn memory(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        let row = 4 * (options.rating.factors as u64 + BESIDES);
        6 * row * (size.users + size.items) as u64
    }

    /// Rows of users, and of items rows and patterns: in tables, and in the file with a byte of code beside each four of
    /// rows.
    fn stored(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        let k = options.rating.factors as u64 + BESIDES;
        4 * k * size.users as u64 + 17 * k * size.items as u64
    }

    fn has_taste_factors(&self) -> bool {
        true
    }

    fn sections(&self) -> &'static [(&'static str, SectionKind)] {
        Rated::SECTIONS
    }
}
