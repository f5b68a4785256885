//! How good a division is, and how stable: the figures that are printed beside segments.
//!
//! - `silhouette`, of several divisions at once [`silhouettes`], and `dispersion` look at the points of
//!   one division
//! - `adjusted_rand` compares two divisions of the same users
//! - `population_stability` compares the sizes of the same segments at two times
//! - `scores`: the figures of one division
//! - `choice`: how many segments to take

mod adjusted_rand;
mod choice;
mod dispersion;
mod labelled_clusters;
mod population_stability;
mod scores;
mod silhouette;
#[cfg(test)]
mod tests;

pub use adjusted_rand::{Contingency, adjusted_rand};
pub use choice::{Choice, CountSource, Tried, choose};
pub use dispersion::{calinski_harabasz, davies_bouldin};
pub use population_stability::population_stability;
pub use scores::Scores;
pub use silhouette::{silhouette, silhouette_sequential, silhouettes};
