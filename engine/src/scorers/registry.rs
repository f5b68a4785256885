//! The ways to score that there are.

use super::factors::method::Factors;
use super::method::Method;
use super::neighbours::method::ItemNeighbours;
use super::popularity::method::ItemPopularity;
use super::ratings::method::PredictedRatings;

/// All of them.
pub const METHODS: [&dyn Method; 4] = [&Factors, &ItemNeighbours, &PredictedRatings, &ItemPopularity];

/// The one of that name.
pub fn named(name: &str) -> Option<&'static dyn Method> {
    METHODS.into_iter().find(|method| method.name() == name)
}

/// Those of these names, in their order.
pub fn methods(names: &[&str]) -> Vec<&'static dyn Method> {
    names.iter().filter_map(|name| named(name)).collect()
}
