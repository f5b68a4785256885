//! Dividing users into segments.
//!
//! - [`mod@hierarchical`]: agglomerative clustering, and [`merge_tree`], from which any number of groups is cut
//! - [`agreement`]: how far two divisions agree
//! - [`mod@density`]: what is dense, and noise
//! - [`options`]: the method and how many segments
//! - [`kmeans`]: spherical k-means, the default, on user factors
//! - [`membership`]: who belongs where, and the same segments on factors trained anew

pub mod agreement;
mod centred;
pub mod density;
mod density_radius;
pub mod hierarchical;
pub mod kmeans;
pub mod membership;
pub mod merge_tree;
mod micro_clusters;
pub mod options;
mod within;

pub use agreement::adjusted_rand;
pub use density::{Dense, DensitySettings, density};
pub use hierarchical::{Hierarchy, Linkage, hierarchical};
pub use kmeans::spherical_kmeans;
pub use membership::{MemberFit, Membership, nearest_segment};
pub use merge_tree::{Merge, MergeTree};
pub use options::{Method, SegmentationOptions};
