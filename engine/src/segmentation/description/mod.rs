//! Describes segments for people.
//!
//! - `profiles`: the features in which the members of a segment differ from all users, column by column
//! - `rules`: a sentence that says who belongs to a segment, found by `rule_search` among `conditions`

mod conditions;
mod profiles;
mod rule_search;
mod rules;

pub use profiles::{ProfileKind, ProfileRow, profiles};
pub use rules::{Rule, rules};
