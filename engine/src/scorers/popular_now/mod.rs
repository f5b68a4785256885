//! What is popular now: items by how many users chose them lately.
//!
//! - [`counts`]: decayed counts of items, to which later events can be added
//! - [`method`]: popular now as a [`Method`](crate::scorers::method::Method)
//! - [`scorer`]: popular now as a [`Scorer`](crate::scorers::scorer::Scorer)

pub mod counts;
pub mod method;
pub mod scorer;

pub use counts::RecentCounts;
