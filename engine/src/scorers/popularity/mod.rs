//! Item popularity, among all users and within a segment.
//!
//! - [`counts`]: items by their number of users, or by the sum of decayed weights
//! - [`method`]: popularity as a [`Method`](crate::scorers::method::Method)
//! - [`scorer`]: popularity as a [`Scorer`](crate::scorers::scorer::Scorer)

pub mod counts;
pub mod method;
pub mod scorer;

pub use counts::{Popular, Popularity, SegmentPopular, item_popularity, segment_popularity};
pub use scorer::PopularityScorer;
