//! What is popular now: items by how many users chose them lately.
//!
//! - [`counts`]: decayed counts of items, to which later events can be added
//! - [`segment_counts`]: the same within a segment
//! - [`in_segment`]: what is popular now as it is seen in a segment
//! - [`trend`]: items on which more happens now than before
//! - [`method`]: popular now as a [`Method`](crate::scorers::method::Method)
//! - [`scorer`]: popular now as a [`Scorer`](crate::scorers::scorer::Scorer)

pub mod counts;
pub mod in_segment;
pub mod method;
pub mod scorer;
pub mod segment_counts;
pub mod trend;

pub use counts::{RecentCounts, RecentEvent};
pub use segment_counts::SegmentCounts;
pub use trend::{Rising, Trend};
