//! Dividing users into segments.
//!
//! - [`mod@hierarchical`]: agglomerative clustering, and [`merge_tree`], from which any number of groups is cut
//! - [`agreement`]: how far two divisions agree
//! - [`mod@density`]: what is dense, and noise
//! - [`options`]: the method and how many segments
//! - [`mod@kmeans`]: k-means, spherical and Euclidean, of weighted rows
//! - [`kmeans`]: spherical k-means, the default, on user factors
//! - [`sample`]: rows with labels that pass by once, for the figures of [`validity`]
//! - [`summary`]: rows that pass by once, kept small enough to be clustered at the end
//! - [`weighted`]: k-means of weighted rows, which the former ends with
//! - [`membership`]: who belongs where, and the same segments on factors trained anew
//! - [`profiles`]: what makes a segment different
//! - [`rules`]: a segment in words; its conditions and their search stand beside
//! - [`rfm`]: scores of recency, frequency and monetary value, and segments with names
//! - [`mixture`]: Gaussian mixtures, for segments of different shapes
//! - [`vote`]: from examples, by the vote of the nearest
//! - [`validity`]: how good a division is, and how stable
//! - [`matching`]: segments that keep their numbers between versions, and how users moved

pub mod agreement;
mod centred;
pub mod density;
mod density_radius;
pub mod hierarchical;
mod conditions;
pub mod kmeans;
pub mod matching;
pub mod membership;
pub mod merge_tree;
mod micro_clusters;
pub mod mixture;
pub mod options;
#[cfg(test)]
mod planted;
pub mod sample;
pub mod summary;
pub mod weighted;
pub mod rfm;
pub mod validity;
pub mod vote;
pub mod profiles;
pub mod rfm;
mod rule_search;
pub mod rules;
pub mod validity;
pub mod weighted;

pub use kmeans::{Clusters, Geometry, KmeansSettings, kmeans};
pub use agreement::adjusted_rand_index;
mod within;

pub use agreement::adjusted_rand;
pub use density::{Dense, DensitySettings, density};
pub use hierarchical::{Hierarchy, Linkage, hierarchical};
pub use kmeans::spherical_kmeans;
pub use membership::{MemberFit, Membership, nearest_segment};
pub use merge_tree::{Merge, MergeTree};
pub use options::{Method, SegmentationOptions};
pub use sample::LabelledSample;
pub use summary::{Summary, SummaryClusters};
pub use profiles::{ProfileKind, ProfileRow, profiles};
pub use rfm::{RfmScorer, RfmSettings, rfm_values};
pub use rules::{Rule, rules};
