//! Dividing users into segments.
//!
//! - [`options`]: the method, what it looks at, how many segments
//! - [`mod@kmeans`], [`mod@hierarchical`] with its [`merge_tree`], [`mixture`], [`mod@density`], [`vote`],
//!   [`rfm`]: the methods
//! - [`partition`]: one way to divide points, by any of them
//! - [`validity`], [`choice`]: how good it is, and how many segments to take
//! - [`matching`]: which segment is which of the version before
//! - [`membership`]: the same segments on factors trained anew
//! - [`classifier`]: how a row of users finds its segment
//! - [`mod@profiles`], [`mod@rules`]: what a person reads about segments
//! - [`summary`], [`reduction`], [`sample`], [`weighted`]: rows that pass by once, for the aggregates

mod centred;
pub mod choice;
pub mod classifier;
mod conditions;
pub mod density;
mod density_radius;
pub mod hierarchical;
pub mod kmeans;
pub mod matching;
pub mod membership;
pub mod merge_tree;
mod micro_clusters;
pub mod mixture;
pub mod options;
pub mod partition;
#[cfg(test)]
mod planted;
pub mod profiles;
pub mod rfm;
mod rule_search;
pub mod rules;
pub mod reduction;
pub mod sample;
pub mod summary;
pub mod validity;
pub mod vote;
pub mod weighted;
mod within;

pub use hierarchical::{Hierarchy, Linkage, hierarchical};
pub use kmeans::{Clusters, Geometry, KmeansSettings, kmeans};
pub use membership::{MemberFit, Membership, nearest_segment};
pub use merge_tree::{Merge, MergeTree};
pub use options::{Method, On, SegmentationOptions, Target};
pub use partition::Space;
pub use sample::LabelledSample;
pub use summary::{Summary, SummaryClusters};
