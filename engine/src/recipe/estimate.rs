//! How much memory a training takes, before it is taken.

use super::algorithm::Algorithm;
use super::options::Options;
use crate::features::{Column, Values};
use crate::neighbours::Neighbours;

/// The size of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Users.
    pub users: usize,
    /// Items.
    pub items: usize,
    /// Events; 0 without them.
    pub events: usize,
    /// Dimensions that describe users.
    pub dimensions: usize,
    /// Threads of the training.
    pub threads: usize,
}

/// Dimensions that a column becomes at most: those of a vector, else twenty levels, all others, null.
pub fn dimensions(column: &Column) -> usize {
    match column.values {
        Values::Vector { dimensions, .. } => dimensions,
        _ => 22,
    }
}

/// Bytes at the peak of a training, besides the raw events: an upper estimate.
///
/// Events by user (20 bytes), interactions in both orientations of the training part, the test part
/// and the whole (16 bytes a pair each, at most one pair per event), four factor matrices of each
/// side (both fits and their rotated copies), and one row per (segment, item) pair twice; there are
/// at most as many of these as events. Neighbours say themselves what they take. Points of described users are held beside those of k-means, and a
/// mixture's probabilities beside both.
pub fn memory(size: Size, options: &Options) -> u64 {
    let Size { users, items, events, dimensions, threads } = size;
    let factors = options.als.most_factors();
    let row = 4 * factors as u64;
    let most = if events > 0 {
        options.segmentation.recommending_target(users, events, factors)
    } else {
        options.segmentation.readable_target(users)
    };
    let segments = most.counts.last().copied().unwrap_or(1);
    let points = 3 * 4 * (users * (dimensions + segments)) as u64;
    if events == 0 {
        return points;
    }
    let pairs = if segments > 1 { (segments * items).min(events) as u64 } else { 0 };
    let described = if dimensions > 0 { points } else { 0 };
    let neighbours = match options.algorithm {
        Algorithm::Hybrid | Algorithm::Neighbours | Algorithm::Auto => {
            Neighbours::memory(users, items, events, &options.neighbours.options(), threads)
        }
        Algorithm::Ease => Neighbours::ease_memory(items),
        Algorithm::Als | Algorithm::Rating | Algorithm::Popularity => 0,
    };
    20 * events as u64
        + 3 * 16 * events as u64
        + 4 * row * (users + items) as u64
        + 2 * row * pairs
        + described
        + neighbours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_with_every_part_of_the_size() {
        let options = super::super::parse_options(&serde_json::json!({})).unwrap();
        let size = Size { users: 30_000, items: 40_000, events: 800_000, dimensions: 0, threads: 2 };
        let base = memory(size, &options);
        assert!(base > memory(Size { users: 15_000, ..size }, &options));
        assert!(base > memory(Size { items: 20_000, ..size }, &options));
        assert!(base > memory(Size { events: 400_000, ..size }, &options));
        assert!(base < memory(Size { dimensions: 50, ..size }, &options));
    }
}
