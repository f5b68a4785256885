//! Dividing users into segments.
//!
//! - [`options`]: the method and how many segments
//! - [`kmeans`]: spherical k-means, the default, on user factors
//! - [`membership`]: who belongs where, and the same segments on factors trained anew
//! - [`profiles`]: what makes a segment different
//! - [`rules`]: a segment in words; its conditions and their search stand beside
//! - [`rfm`]: scores of recency, frequency and monetary value, and segments with names

mod conditions;
pub mod kmeans;
pub mod membership;
pub mod options;
pub mod profiles;
pub mod rfm;
mod rule_search;
pub mod rules;

pub use kmeans::spherical_kmeans;
pub use membership::{MemberFit, Membership, nearest_segment};
pub use options::{Method, SegmentationOptions};
pub use profiles::{ProfileKind, ProfileRow, profiles};
pub use rfm::{RfmScorer, RfmSettings, rfm_values};
pub use rules::{Rule, rules};
