//! A Gaussian mixture: segments that may be elongated or flat, and the probability of each segment for a user.
//!
//! - `gaussian_mixture`: the mixture, and the probabilities of its components for rows
//! - `expectation_maximization`: fits the mixture, with the `maximization` of a component

mod expectation_maximization;
mod gaussian_mixture;
mod maximization;
#[cfg(test)]
mod tests;

pub use gaussian_mixture::Mixture;
