//! Density clustering: segments are dense regions of any shape, with noise between them.
//!
//! - `dbscan`: finds clusters of one density
//! - `auto_radius`: chooses the radius if none is given
//! - `range_search`: finds the rows within a radius of each other

mod auto_radius;
mod dbscan;
mod range_search;

pub(super) use dbscan::by_size;
pub use dbscan::{DbscanClusters, DbscanSettings, dbscan};
