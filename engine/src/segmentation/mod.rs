//! Dividing users into segments.
//!
//! - [`options`]: the method, the features it uses and the number of segments
//! - [`mod@kmeans`], [`mod@hierarchical`], [`mixture`], [`density`], [`mod@optics`], [`knn`], [`rfm`]: the methods
//! - [`partition`]: divides points by any of the methods
//! - [`quality`]: measures a division and chooses the number of segments
//! - [`identity`]: matches segments with those of the previous version and assigns new rows to segments
//! - [`description`]: describes segments in words and numbers for people
//! - [`streaming`]: clusters and samples rows in a single pass, for the aggregates
//! - `centered_rows`: subtracts the mean from rows, so that distances can be computed as matrix products

mod centered_rows;
pub mod density;
pub mod description;
pub mod hierarchical;
pub mod identity;
pub mod kmeans;
pub mod knn;
pub mod mixture;
pub mod optics;
pub mod options;
pub mod partition;
pub mod quality;
pub mod rfm;
pub mod streaming;

pub use options::{On, SegmentationMethod, SegmentationOptions, Target};
pub use partition::PointSet;
