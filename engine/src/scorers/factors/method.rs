//! The factor model as a [`Method`]. It has no fit of its own, because segmentation needs the factors before any
//! scorer is fitted.

use super::tuning::dividing_factors;
use crate::interactions::Size;
use crate::options::checked::Options;
use crate::scorers::method::{Method, SegmentSizes};

/// Latent factors: the backbone and the segments' own item factors.
pub struct Factors;

impl Method for Factors {
    fn name(&self) -> &'static str {
        "factors"
    }

    /// Four factor matrices per side (both fits and their rotated copies), and one row per (segment, item) pair, held
    /// twice.
    fn memory(&self, size: Size, segments: SegmentSizes, options: &Options) -> u64 {
        let (row, rows) = (4 * factors(options), own_rows(segments, options));
        4 * row * (size.users + size.items) as u64 + 2 * row * rows
    }

    /// User and item rows in tables, and item rows in the shared file with one code byte per four bytes.
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
