//! Estimates the memory that a training takes and the disk space of its version, before it starts.

use super::item_content::ContentMemory;
use crate::features::{Column, Values};
use crate::interactions::Size;
use crate::options::algorithm::Algorithm;
use crate::options::checked::Options;
use crate::scorers::method::{Method, SegmentSizes};
use crate::scorers::registry::{methods, named};

/// The maximum number of dimensions that a column is encoded in: a vector's own, or twenty levels, "other" and null.
pub fn dimensions(column: &Column) -> usize {
    match column.values {
        Values::Vector { dimensions, .. } => dimensions,
        Values::Halves(ref rows) => rows.columns(),
        _ => 22,
    }
}

/// Bytes of the raw events once all are read: vectors that grow by doubling, and the ids of users and items with their
/// hash tables.
pub fn reading(size: Size, timed: bool) -> u64 {
    let each = if timed { 20 } else { 12 };
    (size.events.next_power_of_two() * each) as u64 + 48 * (size.users + size.items) as u64
}

/// An upper estimate of the bytes at the peak of a training, not counting the raw events.
///
/// Includes the events by user (20 bytes each), the interactions of the training part, the test part and the whole in
/// both orientations with their ranks (20 bytes a pair each, at most one pair per event), what order adds to histories and
/// to pairs (20 bytes), and the scorers' own estimates. If users have attributes, their points are held together with those
/// of k-means and a mixture's probabilities.
pub fn memory(size: Size, options: &Options) -> u64 {
    memory_with(size, options, ContentMemory::default())
}

/// As [`memory`], of a training that also encodes what is known about items. The nearest items are found before the
/// scorers without taste factors are fitted, so only the larger of both is added.
pub fn memory_with(size: Size, options: &Options, content: ContentMemory) -> u64 {
    let Size { users, events, dimensions, .. } = size;
    let segments = SegmentSizes::most(size, options);
    let points = 3 * 4 * (users * (dimensions + segments.count)) as u64;
    if events == 0 {
        return points + content.kept + content.search;
    }
    let described = if dimensions > 0 { points } else { 0 };
    let of_scorers = largest(options, |methods, options| {
        let sum = |with_tastes: bool| -> u64 {
            let methods = methods.iter().filter(|method| method.has_taste_factors() == with_tastes);
            methods.map(|method| method.memory(size, segments, options)).sum()
        };
        sum(true) + sum(false).max(content.search)
    });
    (20 + 3 * 20 + 20) * events as u64 + described + content.kept + of_scorers
}

/// An upper estimate of the bytes of a version on disk: its tables with their indexes, and the shared file.
///
/// A user row holds the user's items and their confidences, all items once more if some do not count, and some 160
/// bytes besides. A row of an item takes some 160 bytes, one of an item within a segment some 96. The scorers estimate
/// what they store in these rows and in the file.
pub fn stored(size: Size, options: &Options) -> u64 {
    let segments = SegmentSizes::most(size, options);
    let (users, items, events) = (size.users as u64, size.items as u64, size.events as u64);
    if events == 0 {
        return 160 * users;
    }
    let of_scorers = largest(options, |methods, options| {
        methods.iter().map(|method| method.stored(size, segments, options)).sum()
    });
    160 * users + 12 * events + 160 * items + 96 * segments.pairs + of_scorers
}

/// What the scorers of an algorithm take; for `auto` those of the most expensive algorithm.
fn largest(options: &Options, of_methods: impl Fn(&[&dyn Method], &Options) -> u64) -> u64 {
    let own = [options.algorithm];
    let algorithms: &[Algorithm] = match options.algorithm {
        Algorithm::Auto => &Algorithm::IMPLICIT,
        _ => &own,
    };
    let of_algorithm = |&algorithm: &Algorithm| {
        let options = Options { algorithm, ..options.clone() };
        // The model that users are segmented by is fitted even if it does not rank.
        let mut methods = methods(algorithm.scorers());
        if !methods.iter().any(|method| method.has_taste_factors()) {
            methods.extend(named("factors"));
        }
        of_methods(&methods, &options)
    };
    algorithms.iter().map(of_algorithm).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::Spread;

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
        // What is found before the neighbours are fitted takes nothing besides them unless it takes more.
        let content = |search| memory_with(size, &options, ContentMemory { kept: 1_000, search });
        assert_eq!(content(1), memory(size, &options) + 1_000);
        assert!(content(1 << 40) > content(1) && content(1 << 40) < memory(size, &options) + (1 << 40));
        // Segments of neighbours have no factors.
        let neighbours = Options { algorithm: Algorithm::Neighbours, ..options.clone() };
        assert!(memory(size, &neighbours) < base);
        assert!(stored(size, &neighbours) < stored(size, &options));
    }
}
