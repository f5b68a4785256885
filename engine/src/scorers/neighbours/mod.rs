//! Neighbours: item-to-item weights. A user's score of item j is the plain sum, over the items i of their history, of
//! one weight w(i, j). A recommendation therefore costs a few thousand additions, whatever the size of the
//! catalogue.
//!
//! Words and symbols: R the interactions as 0 and 1 (confidences are ignored), n_u the number of items of user u,
//! d_i the number of users of item i. The *source* i is the item of the history, the *target* j the item being
//! scored.
//!
//! - [`options`]: the methods and their settings
//! - [`model`]: the weights, and the scores of a history
//! - [`cooccurrence`]: weighted co-occurrence: filter, cosine, tf-idf, RP3β
//! - [`local_ridge`]: a regression of every row of a matrix on the nearest ones
//! - [`ridge`]: the local ridge of items
//! - [`ridge_content`]: what is known about items, as a part of it
//! - [`ease`]: the regression on all sources, for small catalogues
//! - [`method`]: neighbours as a [`Method`](crate::scorers::method::Method)
//! - [`new_targets`]: weights towards items without events
//! - [`scorer`]: neighbours as a [`Scorer`](crate::scorers::scorer::Scorer)
//! - [`strongest`]: the largest weights of every source

pub mod cooccurrence;
pub mod ease;
pub mod local_ridge;
pub mod method;
pub mod model;
pub mod new_targets;
pub mod options;
pub mod ridge;
pub mod ridge_content;
pub mod scorer;
pub mod strongest;

pub use model::{NeighbourRows, NeighbourScratch, Neighbours};
pub use options::{NeighbourMethod, NeighbourOptions};
pub use ridge_content::RidgeContent;
pub use scorer::NeighbourScorer;
