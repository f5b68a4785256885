//! Density: segments as what is dense, of any shape, and noise between them.
//!
//! - `dbscan`: clusters of one density
//! - `auto_radius`: its radius, where none is given
//! - `range_search`: which rows lie within a radius of each other

mod auto_radius;
mod dbscan;
mod range_search;

pub(super) use dbscan::by_size;
pub use dbscan::{DbscanClusters, DbscanSettings, dbscan};
