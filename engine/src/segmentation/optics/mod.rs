//! OPTICS: segments that are dense beside their surroundings, whatever their own density, and noise between them.
//!
//! - `distinct_rows`: which rows are ordered where there are many, or many equal ones
//! - `ordering`: the ordering and its reachability plot, by linfa
//! - `excess_of_mass`: which valleys of the plot are clusters
//! - `clusters`: all of it, and the rows that were not ordered

mod clusters;
mod distinct_rows;
mod excess_of_mass;
mod ordering;

pub use clusters::{OpticsClusters, OpticsSettings, PHASE, optics};
pub use ordering::Reached;
