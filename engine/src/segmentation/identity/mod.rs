//! Which segment is which: from version to version, and for users that come later.
//!
//! - `matching`: which segment is which of the version before
//! - `membership`: the same segments on factors trained anew
//! - `classifier`: how a row of users finds its segment

mod classifier;
mod matching;
mod membership;

pub use classifier::{Classifier, PointRule, RfmRule};
pub use matching::{Movement, match_segments, movements, needed_by_matching, share_moved};
pub use membership::{MemberFit, Membership, carried, member_fit, nearest_segment, unit_rows};
