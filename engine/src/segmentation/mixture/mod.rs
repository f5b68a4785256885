//! A Gaussian mixture: segments that may be long or flat, and how likely a user belongs to each.
//!
//! - `gaussian_mixture`: the mixture, and how likely rows belong to its components
//! - `expectation_maximization`: how it is fitted, with the `maximization` of a component

mod expectation_maximization;
mod gaussian_mixture;
mod maximization;
#[cfg(test)]
mod tests;

pub use gaussian_mixture::Mixture;
