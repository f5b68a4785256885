//! The item scorers, one folder each.
//!
//! - [`scorer`]: the trait that scores items for one user
//! - [`contributions`]: what the items of a history add to a score
//! - [`new_items`]: items without events, as scorers see them
//! - [`method`]: the trait of a scorer that can be fitted and stored
//! - [`sections`]: the sections in which fits are stored
//! - [`registry`]: the list of all scorers
//! - [`factors`]: alternating least squares: a backbone for all users, and item factors of segments on top
//! - [`neighbours`]: item-to-item weights, summed over a user's own items
//! - [`user_neighbours`]: what similar users have, kept as a row of items for each user
//! - [`ratings`]: predicted ratings
//! - [`attributes`]: what is known about users who have no events yet
//! - [`content`]: what is known about items: similar items, and items that have no events yet
//! - [`popularity`]: the most popular items, overall and in a segment
//! - [`repeat`]: what a user takes again
//! - [`sasrec`]: a small transformer over the order of a user's items

pub mod attributes;
pub mod content;
pub mod contributions;
pub mod factors;
pub mod method;
pub mod neighbours;
pub mod new_items;
pub mod popular_now;
pub mod popularity;
pub mod ratings;
pub mod registry;
pub mod repeat;
pub mod sasrec;
pub mod scorer;
pub mod sections;
pub mod user_neighbours;

pub use contributions::Contributions;
pub use method::{Fitted, Method};
pub use scorer::{Items, Scorer};
