//! What a person reads about segments.
//!
//! - `profiles`: what sets the members of a segment apart, column by column
//! - `rules`: a sentence that says who belongs to it, found by `rule_search` among `conditions`

mod conditions;
mod profiles;
mod rule_search;
mod rules;

pub use profiles::{ProfileKind, ProfileRow, profiles};
pub use rules::{Rule, rules};
