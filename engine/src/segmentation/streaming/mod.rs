//! Clusters and samples rows in a single pass, for the aggregates of SQL.
//!
//! - `coreset`: a few weighted rows that stand for all, with `sensitivity_sampling` as its reduction step
//! - `starts`: clusters these rows
//! - `labelled_sample`: a uniform sample of rows and their labels

mod coreset;
mod labelled_sample;
#[cfg(test)]
mod planted;
mod sensitivity_sampling;
mod starts;

pub use coreset::{Coreset, CoresetClusters};
pub use labelled_sample::LabelledSample;
