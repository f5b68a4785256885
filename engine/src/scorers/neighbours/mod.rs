//! Neighbours: which items speak for which. A user's score of item j is the plain sum over the items i
//! of their history of one weight w(i, j), so a recommendation costs a few thousand additions whatever
//! the size of the catalogue.
//!
//! Words and symbols: R the interactions as 0 and 1 (their confidences are not used), n_u the number of
//! items of user u, d_i the number of users of item i. The *source* i is the item of the history, the
//! *target* j the item that is scored.
//!
//! - [`options`]: the methods and their settings
//! - [`model`]: the weights, and the scores of a history
//! - [`cooccurrence`]: who occurs together, weighted: filter, cosine, tf-idf, RP3β
//! - [`ridge`]: the local ridge: a regression of every target on its nearest sources
//! - [`ease`]: the regression on all sources, for small catalogues
//! - [`method`]: neighbours as a training sees them
//! - [`scorer`]: neighbours as a way to score
//! - [`strongest`]: the largest weights of every source

pub mod cooccurrence;
pub mod ease;
pub mod method;
pub mod model;
pub mod options;
pub mod ridge;
pub mod scorer;
pub mod strongest;

pub use model::{NeighbourRows, NeighbourScratch, Neighbours};
pub use options::{NeighbourMethod, NeighbourOptions};
pub use scorer::NeighbourScorer;
