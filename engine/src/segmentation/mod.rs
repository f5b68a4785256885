//! Dividing users into segments.
//!
//! - [`options`]: the method and how many segments
//! - [`kmeans`]: spherical k-means, the default, on user factors
//! - [`sample`]: rows with labels that pass by once, for the figures of [`validity`]
//! - [`summary`]: rows that pass by once, kept small enough to be clustered at the end
//! - [`reduction`]: few weighted rows that stand for many, the step of the former
//! - [`weighted`]: k-means of weighted rows, which it ends with
//! - [`membership`]: who belongs where, and the same segments on factors trained anew
//! - [`validity`]: how good a division is, and how stable
//! - [`matching`]: segments that keep their numbers between versions, and how users moved

pub mod kmeans;
pub mod matching;
pub mod membership;
pub mod options;
#[cfg(test)]
mod planted;
pub mod reduction;
pub mod sample;
pub mod summary;
pub mod validity;
pub mod weighted;

pub use kmeans::spherical_kmeans;
pub use membership::{MemberFit, Membership, nearest_segment};
pub use options::{Method, SegmentationOptions};
pub use sample::LabelledSample;
pub use summary::{Summary, SummaryClusters};
