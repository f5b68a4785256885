//! Factors as a training sees them. Their fit is that of the training itself, since users are divided by them.

use super::tuning::dividing_factors;
use crate::interactions::Size;
use crate::options::checked::Options;
use crate::scorers::method::{Method, SegmentSizes};

/// The backbone's factors and those of segments.
pub struct Factors;

impl Method for Factors {
    fn name(&self) -> &'static str {
        "factors"
    }

    /// Four factor matrices of each side (both fits and their rotated copies), and one row per (segment, item) pair
    /// twice.
    fn memory(&self, size: Size, segments: SegmentSizes, options: &Options) -> u64 {
        let (row, rows) = (4 * factors(options), own_rows(segments, options));
        4 * row * (size.users + size.items) as u64 + 2 * row * rows
    }

    /// Rows of users and items in tables, and those of items in the file, with a byte of code beside each four.
    fn stored(&self, size: Size, segments: SegmentSizes, options: &Options) -> u64 {
        let (k, rows) = (factors(options), own_rows(segments, options));
        4 * k * size.users as u64 + 9 * k * (size.items as u64 + rows)
    }

    fn has_taste_factors(&self) -> bool {
        true
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
