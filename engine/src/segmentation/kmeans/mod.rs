//! k-means: spherical (Dhillon & Modha 2001) and Euclidean, of weighted rows.
//!
//! - `settings`: the geometry, how many clusters, how many starts
//! - `algorithm`: the best of several starts, without clusters that are too small
//! - `seeding`, `oversampling`: where to begin, by k-means++ and by k-means‖
//! - `lloyd`: from there to where no row wants to move, by `nearest_centroid` and `cluster_sums`
//! - `problem`: what these share
//! - `blocks`: threads, only where the caller is on a pool
//!
//! [`kmeans`] is all of it at once. What sees its rows in another way takes the parts: the aggregates,
//! whose rows stand for others, and the leaves of a hierarchy, which need no more than a pass.

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
