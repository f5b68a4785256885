//! Rows that pass by once, for the aggregates of SQL.
//!
//! - `coreset`: few weighted rows that stand for all, with `sensitivity_sampling` as its step
//! - `starts`: the clusters of these
//! - `labelled_sample`: an even sample of rows and their labels

mod coreset;
mod labelled_sample;
#[cfg(test)]
mod planted;
mod sensitivity_sampling;
mod starts;

pub use coreset::{Coreset, CoresetClusters};
pub use labelled_sample::LabelledSample;
