//! k-means of weighted rows: spherical (Dhillon & Modha 2001) and Euclidean.
//!
//! - `settings`: the geometry, the number of clusters and the number of starts
//! - `algorithm`: takes the best of several starts and dissolves clusters that are too small
//! - `seeding`, `oversampling`: choose the first centroids, by k-means++ and by k-means‖
//! - `lloyd`: moves centroids until no row changes its cluster, using `nearest_centroid` and `cluster_sums`
//! - `problem`: the types that these files share
//! - `blocks`: runs blocks of rows in parallel, but only if the caller is on a thread pool
//!
//! [`kmeans`] combines them all. Callers that need only some of the steps use the parts: the aggregates, whose rows are
//! weighted samples, and the leaves of a hierarchy, which take a single pass.

mod algorithm;
mod blocks;
mod cluster_sums;
mod lloyd;
mod nearest_centroid;
mod oversampling;
mod problem;
mod seeding;
mod settings;

pub use algorithm::kmeans;
pub use cluster_sums::means;
pub use nearest_centroid::{Nearest, nearest, nearest_block, nearest_of};
pub use problem::{Clusters, PHASE};
pub use settings::{Geometry, KmeansSettings};

pub(super) use cluster_sums::{ClusterSums, mean_and_variance};
pub(super) use lloyd::lloyd;
pub(super) use problem::{Problem, best_of, misfits};
pub(super) use seeding::{Seeding, greedy};
