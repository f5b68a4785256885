//! Describes segments for people.
//!
//! - `paragraph`: whole sentences about a segment
//! - `profiles`: the features in which the members of a segment differ from all users, column by column
//! - `names`: a few words for each segment
//! - `rules`: a sentence that says who belongs to a segment, found by `rule_search` among `conditions`

mod conditions;
mod names;
mod paragraph;
mod profiles;
mod rule_search;
mod rules;

pub use names::names;
pub use paragraph::{FeatureFact, NamedSegmentId, SegmentChange, SegmentFacts, paragraph};
pub use profiles::{ProfileKind, ProfileRow, profiles};
pub use rules::{Rule, rules};
