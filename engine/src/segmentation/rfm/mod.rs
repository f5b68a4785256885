//! Recency, frequency and monetary value: segments that marketing knows by name.
//!
//! - `scorer`: the scores of a user
//! - `named_segments`: which segment scores belong to

mod named_segments;
mod scorer;

pub use named_segments::{NAMED, NamedSegment, RfmSegments, named_segment};
pub use scorer::{RfmScorer, rfm_values};
