//! k nearest neighbours: segments from examples.
//!
//! - `classifier`: labelled rows vote on the segment of others
//! - `stratified_sample`: selects the labelled rows that are kept

mod classifier;
mod stratified_sample;

pub use classifier::{KnnClassifier, Vote};
