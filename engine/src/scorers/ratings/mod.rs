//! Explicit feedback: ratings predicted from who rated what how, and from what is known besides.
//!
//! `r̂ = μ + b_u + b_i + p_u·q_i`, by alternating least squares in which the prior mean of every row is
//! a linear map from the pattern of what it rated and from its attributes. It is the implicit term of
//! SVD++ (Koren 2008) on both sides, in closed form.
//!
//! - [`options`]: the settings
//! - [`attributes`]: rows of a table as sparse features
//! - [`model`]: the training
//! - [`biases`]: the baseline
//! - `row_system`: one row against the other side
//! - `ridge_map`: the prior means of rows, by conjugate gradients; `columns`: their sums
//! - [`rated`]: what a fit of ratings leaves
//! - [`method`]: ratings as a training sees them
//! - [`scorer`]: ratings as a way to score
//! - [`fold_in`]: a user's row from their ratings now, without training, and why a prediction is what it is

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
