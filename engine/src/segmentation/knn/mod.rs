//! k nearest neighbours: segments from examples.
//!
//! - `classifier`: labelled rows that vote
//! - `stratified_sample`: which of them are kept

mod classifier;
mod stratified_sample;

pub use classifier::{KnnClassifier, Vote};
