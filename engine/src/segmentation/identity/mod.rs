//! Keeps the identity of segments from version to version, and assigns later users to them.
//!
//! - `matching`: matches new clusters with the segments of the previous version
//! - `membership`: the same segments on retrained factors
//! - `classifier`: assigns a row of users to a segment

mod classifier;
mod matching;
mod membership;

pub use classifier::{Classifier, PointRule, RfmRule};
pub use matching::{Movement, match_segments, movements, needed_by_matching, share_moved};
pub use membership::{MemberFit, Membership, carried, member_fit, nearest_segment, unit_rows};
