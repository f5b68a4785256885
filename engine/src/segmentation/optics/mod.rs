//! OPTICS: segments that are denser than their surroundings, whatever their own density, with noise between them.
//!
//! - `distinct_rows`: selects the rows to order if there are many, or many equal ones
//! - `ordering`: computes the ordering and its reachability plot with linfa
//! - `excess_of_mass`: selects the valleys of the plot that are clusters
//! - `clusters`: combines these, and assigns the rows that were not ordered

mod clusters;
mod distinct_rows;
mod excess_of_mass;
mod ordering;

pub use clusters::{OpticsClusters, OpticsSettings, PHASE, optics};
pub use ordering::Reached;
