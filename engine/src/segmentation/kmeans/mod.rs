//! k-means: spherical (Dhillon & Modha 2001) and Euclidean, of weighted rows.
//!
//! - `settings`: the geometry, how many clusters, how many starts
//! - `algorithm`: the best of several starts, without clusters that are too small
//! - `seeding`, `oversampling`: where to begin, by k-means++ and by k-means‖
//! - `lloyd`: from there to where no row wants to move, by `nearest_centroid` and `cluster_sums`
//! - [`problem`]: what these share

mod algorithm;
mod cluster_sums;
mod lloyd;
mod nearest_centroid;
mod oversampling;
pub mod problem;
mod seeding;
mod settings;

pub use algorithm::kmeans;
pub use cluster_sums::means;
pub use nearest_centroid::{Nearest, nearest, nearest_block, nearest_of};
pub use problem::{Clusters, PHASE};
pub use seeding::seed_sequential;
pub use settings::{Geometry, KmeansSettings};
