//! What a user takes again: their own items, by how often and how lately they took them, and by the rhythm of the item.
//!
//! - [`rhythms`]: how long users wait before they take an item again, and how regularly
//! - [`method`]: taking again as a [`Method`](crate::scorers::method::Method)
//! - [`scorer`]: taking again as a [`Scorer`](crate::scorers::scorer::Scorer)

pub mod method;
pub mod rhythms;
pub mod scorer;
