//! Dividing users into segments.
//!
//! - [`options`]: the method and how many segments
//! - [`mod@kmeans`]: k-means, spherical and Euclidean, of weighted rows
//! - [`membership`]: who belongs where, and the same segments on factors trained anew

pub mod kmeans;
pub mod membership;
pub mod options;

pub use kmeans::{Clusters, Geometry, KmeansSettings, kmeans};
pub use membership::{MemberFit, Membership, nearest_segment};
pub use options::{Method, SegmentationOptions};
