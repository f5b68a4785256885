//! Dividing users into segments.
//!
//! - [`options`]: the method and how many segments
//! - [`kmeans`]: spherical k-means, the default, on user factors
//! - [`membership`]: who belongs where, and the same segments on factors trained anew
//! - [`mixture`]: Gaussian mixtures, for segments of different shapes
//! - [`vote`]: from examples, by the vote of the nearest
//! - [`validity`]: how good a division is, and how stable
//! - [`matching`]: segments that keep their numbers between versions, and how users moved

pub mod kmeans;
pub mod matching;
pub mod membership;
pub mod mixture;
pub mod options;
pub mod validity;
pub mod vote;

pub use kmeans::spherical_kmeans;
pub use membership::{MemberFit, Membership, nearest_segment};
pub use options::{Method, SegmentationOptions};
