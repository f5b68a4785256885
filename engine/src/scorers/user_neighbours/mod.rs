//! Neighbours of users: each user is regressed on the users nearest to them, and an item is scored by those of them who
//! have it. The local ridge of items ([`crate::scorers::neighbours`]) on the transposed matrix.
//!
//! Words and symbols: R the interactions as 0 and 1 (confidences are ignored), n_v the number of items of user v, d_i the
//! number of users of item i.
//!
//! A fit has one sparse row of items for each user. Serving keeps it with the user, so that a user who is forgotten takes
//! it along; whoever has none is scored 0 and offered nothing.
//!
//! - [`options`]: the settings
//! - [`rows`]: the regression of users, and the items that it finds for them
//! - [`method`]: neighbours of users as a [`Method`](crate::scorers::method::Method)
//! - [`new_targets`]: new items, as those that they resemble
//! - [`scorer`]: a user's row as a [`Scorer`](crate::scorers::scorer::Scorer)

pub mod method;
pub mod new_targets;
pub mod options;
pub mod rows;
pub mod scorer;

pub use options::UserNeighbourOptions;
pub use scorer::UserRowScorer;
