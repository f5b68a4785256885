//! How much memory a training takes, and how much its version on the disk, before either is taken.

use crate::features::{Column, Values};
use crate::interactions::Events;
use crate::options::algorithm::Algorithm;
use crate::options::checked::Options;
use crate::scorers::neighbours::Neighbours;

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
    /// How the events spread over the items.
    pub spread: Spread,
}

/// How events spread over items: of those with 2^b to 2^(b + 1) − 1 events, how many there are, and their events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread([[u64; 2]; 32]);

impl Spread {
    /// That of events.
    pub fn of(events: &Events) -> Self {
        let mut counts = vec![0u64; events.items().len()];
        for user in 0..events.users().len() {
            events.of_user(user).for_each(|event| counts[event.item as usize] += 1);
        }
        let mut spread = Self::default();
        counts.into_iter().for_each(|count| spread.add(1, count));
        spread
    }

    /// Adds items that have so many events each.
    pub fn add(&mut self, items: u64, events: u64) {
        if let Some(octave) = events.checked_ilog2() {
            let [sum, all] = &mut self.0[octave.min(31) as usize];
            *sum += items;
            *all += items * events;
        }
    }

    /// In how many of so many segments items occur, summed over items: what is expected where users fall into segments of
    /// one size by chance, S · (1 − (1 − 1/S)ⁿ) for n events. Other sizes, and tastes, make it fewer.
    fn pairs(&self, segments: usize) -> u64 {
        let segments = segments as f64;
        let expected = |events: f64| segments * (1.0 - (1.0 - 1.0 / segments).powf(events));
        let of_octave = |&[items, events]: &[u64; 2]| match items {
            0 => 0.0,
            _ => items as f64 * expected(events as f64 / items as f64),
        };
        self.0.iter().map(of_octave).sum::<f64>().ceil() as u64
    }
}

/// Dimensions that a column becomes at most: those of a vector, else twenty levels, all others, null.
pub fn dimensions(column: &Column) -> usize {
    match column.values {
        Values::Vector { dimensions, .. } => dimensions,
        _ => 22,
    }
}

/// Bytes of raw events at the end of reading: vectors that double, and the ids of both sides with their index.
pub fn reading(size: Size, timed: bool) -> u64 {
    let each = if timed { 20 } else { 12 };
    (size.events.next_power_of_two() * each) as u64 + 48 * (size.users + size.items) as u64
}

/// The most segments a training tries; how many items occur in them, summed over segments; and the rows of factors that
/// these have together: one for each, where segments have factors.
fn segments(size: Size, options: &Options) -> (usize, u64, u64) {
    let Size { users, events, spread, .. } = size;
    let most = match events {
        0 => options.segmentation.readable_target(users),
        _ => options.segmentation.recommending_target(users, events, options.als.most_factors()),
    };
    let segments = most.counts.last().copied().unwrap_or(1);
    let pairs = if segments > 1 { spread.pairs(segments) } else { 0 };
    let own = options.algorithm == Algorithm::Auto || options.algorithm.ranks_by_factors();
    (segments, pairs, if own { pairs } else { 0 })
}

/// Bytes at the peak of a training, besides the raw events: an upper estimate.
///
/// Events by user (20 bytes), interactions in both orientations of the training part, the test part
/// and the whole (16 bytes a pair each, at most one pair per event), four factor matrices of each
/// side (both fits and their rotated copies), and one row per (segment, item) pair twice. Neighbours say themselves
/// what they take. Points of described users are held beside those of k-means, and a mixture's probabilities beside
/// both.
pub fn memory(size: Size, options: &Options) -> u64 {
    let Size { users, items, events, dimensions, threads, .. } = size;
    let row = 4 * options.als.most_factors() as u64;
    let (segments, _, rows) = segments(size, options);
    let points = 3 * 4 * (users * (dimensions + segments)) as u64;
    if events == 0 {
        return points;
    }
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
        + 2 * row * rows
        + described
        + neighbours
}

/// Bytes of a version on the disk: its tables with their indexes, and the file that sessions share. An upper
/// estimate, as [`memory`] is.
///
/// A row of users has k factors, the items they had with confidences, where these are not all of them all once more, and
/// some 160 bytes besides; a row of items
/// k factors, neighbours with weights, and some 120; one of a segment's items k factors and some 80. The file has
/// the factors of items and segments once more, with a byte of code beside each four, and the neighbours.
pub fn stored(size: Size, options: &Options) -> u64 {
    let Size { users, items, events, .. } = size;
    let (_, pairs, rows) = segments(size, options);
    let (users, items, events) = (users as u64, items as u64, events as u64);
    if events == 0 {
        return 160 * users;
    }
    let factors = options.als.most_factors() as u64;
    let neighbours = match options.algorithm {
        Algorithm::Als | Algorithm::Rating | Algorithm::Popularity => 0,
        _ => 8 * (options.neighbours.options().kept as u64).min(items),
    };
    let tables = users * (160 + 4 * factors)
        + 12 * events
        + items * (120 + 4 * factors + neighbours)
        + 80 * pairs
        + 4 * factors * rows;
    tables + items * (40 + 5 * factors + neighbours) + 16 * pairs + 5 * factors * rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_estimates_grow_with_every_part_of_the_size() {
        let options = crate::options::parse_options(&serde_json::json!({})).unwrap();
        let mut spread = Spread::default();
        spread.add(40_000, 20);
        let size = Size { users: 30_000, items: 40_000, events: 800_000, dimensions: 0, threads: 2, spread };
        let base = memory(size, &options);
        assert!(base > memory(Size { users: 15_000, ..size }, &options));
        assert!(base > memory(Size { items: 20_000, ..size }, &options));
        assert!(base > memory(Size { events: 400_000, ..size }, &options));
        assert!(base < memory(Size { dimensions: 50, ..size }, &options));
        let base = stored(size, &options);
        assert!(base > stored(Size { users: 15_000, ..size }, &options));
        assert!(base > stored(Size { items: 20_000, ..size }, &options));
        assert!(base > stored(Size { events: 400_000, ..size }, &options));
        assert!(stored(Size { events: 0, items: 0, ..size }, &options) < base);
        // The same events on fewer items: these occur in more of the segments, but in no more than there are.
        let mut few = Spread::default();
        few.add(39_000, 1);
        few.add(1_000, 761);
        assert!(stored(Size { spread: few, ..size }, &options) < base);
        assert_eq!(few.pairs(1), 40_000);
        assert_eq!(few.pairs(4), 39_000 + 4_000);
        // Segments of neighbours have no factors.
        let neighbours = Options { algorithm: Algorithm::Neighbours, ..options.clone() };
        assert!(memory(size, &neighbours) < base);
        assert!(stored(size, &neighbours) < stored(size, &options));
    }
}
