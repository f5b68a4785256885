//! Rules of models, which decide what lists show.
//!
//! - [`condition`]: conditions on columns of items
//! - [`matcher`]: finds the conditions that hold for a row
//! - [`stored`]: the table of rules

mod condition;
mod matcher;
mod stored;

pub use condition::{ItemCondition, ItemValue, KnownColumn, WrongCondition};
pub use matcher::ConditionMatcher;
pub use stored::{ListRule, NewRule, RuleAction, Usage, delete, insert, of_model, touch, usage};
