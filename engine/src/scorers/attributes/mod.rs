//! Scores for users of whom only attributes are known: popularity, corrected by a linear map of the attributes.
//!
//! Words and symbols: R the interactions as 0 and 1, users × items, U the number of users, A the attributes of users as
//! numbers, users × a, and ā their mean.
//!
//! - [`points`]: A, from a table of users
//! - [`map`]: what attributes say about every item, by ridge regression
//! - [`gate`]: whether that is better than what is popular in a segment, on users held out whole
//! - [`ranking`]: both as a version stores and serves them

pub mod gate;
pub mod map;
pub mod points;
pub mod ranking;

pub use gate::AttributeGain;
pub use map::AttributeMap;
pub use points::AttributePoints;
pub use ranking::{AttributeRanking, OpenedAttributes};

#[cfg(test)]
mod tests;
