//! Hierarchical clustering: a merge tree, cut where the number of segments is right.
//!
//! - `agglomerative`: which clusters merge
//! - `merge_tree`: the tree and its cuts
//! - `micro_clusters`: many rows as a few thousand leaves

mod agglomerative;
mod merge_tree;
mod micro_clusters;

pub use agglomerative::{Hierarchy, Linkage, hierarchical};
pub use merge_tree::{Merge, MergeTree};
