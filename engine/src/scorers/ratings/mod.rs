//! Explicit feedback: ratings predicted from who rated what, from the ratings given, and from attributes.
//!
//! `r̂ = μ + b_u + b_i + p_u·q_i`, fitted by alternating least squares. The prior mean of every row is a linear map of
//! the pattern of what it rated and of its attributes. This is the implicit term of SVD++ (Koren 2008) on both sides,
//! in closed form.
//!
//! - [`options`]: the settings
//! - [`attributes`]: table rows as sparse features
//! - [`model`]: the training
//! - [`biases`]: the baseline
//! - `row_system`: one row against the other side
//! - `ridge_map`: the prior means of rows, by conjugate gradients; `columns`: their sums
//! - [`rated`]: the parts of a fit besides the rows of users and items
//! - [`method`]: ratings as a [`Method`](crate::scorers::method::Method)
//! - [`scorer`]: ratings as a [`Scorer`](crate::scorers::scorer::Scorer)
//! - [`fold_in`]: a user's row from their current ratings, without training, and the explanation of a prediction

pub mod attributes;
pub mod biases;
mod columns;
pub mod fold_in;
pub mod method;
pub mod model;
pub mod options;
pub mod rated;
mod ridge_map;
mod row_system;
pub mod scorer;

pub use attributes::{AttributeEncoder, Attributes};
pub use biases::Biases;
pub use fold_in::RatingFoldIn;
pub use model::RatingModel;
pub use options::RatingOptions;
pub use scorer::RatingScorer;
