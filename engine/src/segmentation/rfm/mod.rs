//! Recency, frequency and monetary value: segments with the names that are common in marketing.
//!
//! - `scorer`: computes the scores of a user
//! - `named_segments`: maps scores to segments

mod named_segments;
mod scorer;

pub use named_segments::{NAMED, NamedSegment, RfmSegments, named_segment};
pub use scorer::{RfmScorer, rfm_values};
