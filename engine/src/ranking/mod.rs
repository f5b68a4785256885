//! From scores to lists.
//!
//! - [`top_n`]: the best n of a stream of scores, with deterministic ties
//! - [`batch`]: lists for many users of the same items, as blocked matrix products
//! - [`blended`]: one list from several scorers
//! - [`diversity`]: diversified lists
//! - [`explore`]: randomized lists
//!
//! Recommendations fall back from segment factors to the backbone, fold-in, popularity in the segment, and overall
//! popularity. [`Source`] names the one that was used.

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

/// The source of an item in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A rule that gives it its place.
    Pinned,
    /// The user's segment factors.
    Segment,
    /// The backbone, for a known user whose segment's factors did not pass the gate.
    Backbone,
    /// A scorer without segments' own parts, such as the neighbours of the user's own items.
    Scorer(&'static str),
    /// What is known about an item that has no events.
    NewItem,
    /// What is known about a user who has no events.
    Attributes,
    /// Factors computed at request time for a user who was not part of the training.
    FoldIn,
    /// Popularity in the user's segment.
    SegmentPopular,
    /// What is popular now, for whom nothing else is known.
    PopularNow,
    /// Popularity among all users.
    Popular,
}

impl Source {
    /// Whether its items fill up lists, with scores that are not comparable with those of other sources.
    pub fn fills(self) -> bool {
        matches!(self, Self::SegmentPopular | Self::PopularNow | Self::Popular)
    }

    /// The name used in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Segment => "segment",
            Self::Backbone => "backbone",
            Self::Scorer(name) => name,
            Self::NewItem => "new_item",
            Self::Attributes => "attributes",
            Self::FoldIn => "fold_in",
            Self::SegmentPopular => "segment_popular",
            Self::PopularNow => "popular_now",
            Self::Popular => "popular",
        }
    }
}
