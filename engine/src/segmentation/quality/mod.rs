//! Measures of how good and how stable a division is, which are shown with segments.
//!
//! - `silhouette`, for several divisions at once [`silhouettes`], and `dispersion` measure a division of points
//! - `adjusted_rand` compares two divisions of the same users
//! - `population_stability` compares the sizes of the same segments at two times
//! - `scores`: the measures of one division
//! - `choice`: chooses the number of segments

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
