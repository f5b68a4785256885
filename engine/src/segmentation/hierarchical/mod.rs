//! Hierarchical clustering: a merge tree that is cut into the requested number of segments.
//!
//! - `agglomerative`: decides which clusters merge
//! - `merge_tree`: the tree and its cuts
//! - `micro_clusters`: reduces many rows to a few thousand leaves

mod agglomerative;
mod merge_tree;
mod micro_clusters;

pub use agglomerative::{Hierarchy, Linkage, hierarchical};
pub use merge_tree::{Merge, MergeTree};
