//! Dividing users into segments.
//!
//! - [`options`]: the method, what it looks at, how many segments
//! - [`mod@kmeans`], [`mod@hierarchical`], [`mixture`], [`density`], [`mod@optics`], [`knn`], [`rfm`]: the methods
//! - [`partition`]: one way to divide points, by any of them
//! - [`quality`]: how good it is, and how many segments to take
//! - [`identity`]: which segment is which of the version before, and how a row finds its segment
//! - [`description`]: what a person reads about segments
//! - [`streaming`]: rows that pass by once, for the aggregates
//! - `centered_rows`: rows around their mean, for distances as products

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
