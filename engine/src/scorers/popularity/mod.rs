//! What is popular: what everybody has, and what a segment has.
//!
//! - [`counts`]: items by the number of their users, or by the sum of what is left of weights
//! - [`method`]: popularity as a training sees it
//! - [`scorer`]: popularity as a way to score

pub mod counts;
pub mod method;
pub mod scorer;

pub use counts::{Popular, Popularity, SegmentPopular, item_popularity, segment_popularity};
pub use scorer::PopularityScorer;
