//! The ways to score items, one folder each.
//!
//! - [`scorer`]: what a way to score says for one person
//! - [`method`]: a way to score as a training sees it
//! - [`sections`]: what a way to score is stored as
//! - [`registry`]: the ways to score that there are
//! - [`factors`]: alternating least squares: a backbone of everybody, and item factors of segments on top
//! - [`neighbours`]: item-to-item weights: what a user's own items say for others
//! - [`ratings`]: predicted ratings
//! - [`popularity`]: what everybody has, and what a segment has

pub mod factors;
pub mod method;
pub mod neighbours;
pub mod popularity;
pub mod ratings;
pub mod registry;
pub mod scorer;
pub mod sections;

pub use method::{Fitted, Method};
pub use scorer::{Contributions, Items, Scorer};
