//! From factors to lists.
//!
//! - [`top_n`]: the best n of a stream of scores, with a fixed order of ties
//! - [`batch`]: lists for many users of the same items, as blocked matrix products
//! - [`blended`]: one list from several ways to score
//! - [`diversity`]: lists whose items differ
//! - [`explore`]: lists that are drawn
//!
//! The ladder of a recommendation: segment factors, the backbone, fold-in, what is popular in the
//! segment, what is popular. [`Source`] names the rung.

pub mod batch;
pub mod blended;
pub mod diversity;
pub mod explore;
pub mod top_n;

pub use batch::{Scoring, top_lists};
pub use blended::{Blend, Blended, Part};
pub use diversity::diverse;
pub use explore::explored;
pub use top_n::{Scored, TopN};

use strum::IntoStaticStr;

/// Where an item of a list comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Source {
    /// The user's segment factors.
    Segment,
    /// The backbone, for a known user whose segment's factors did not pass the gate.
    Backbone,
    /// What the user's own items say for others, where factors do not count.
    Neighbours,
    /// A predicted rating.
    Rating,
    /// Factors computed now from the events of a user that training did not see.
    FoldIn,
    /// What is popular in the user's segment.
    SegmentPopular,
    /// What is popular with everybody.
    Popular,
}

impl Source {
    /// The name in SQL.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
