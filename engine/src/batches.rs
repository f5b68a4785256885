//! Divides rows into batches that are limited both in rows and in bytes.

use std::ops::Range;

/// Consecutive batches of at most `most_rows` rows and `most_bytes` bytes, unless a single row takes more.
pub fn batched(
    rows: usize,
    most_rows: usize,
    most_bytes: usize,
    bytes: impl Fn(usize) -> usize,
) -> impl Iterator<Item = Range<usize>> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let begin = first;
        let mut room = most_bytes;
        while first < rows && first - begin < most_rows {
            let needed = bytes(first);
            if needed > room && first > begin {
                break;
            }
            room = room.saturating_sub(needed);
            first += 1;
        }
        (first > begin).then_some(begin..first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sizes: &[usize]) -> Vec<Range<usize>> {
        batched(sizes.len(), 3, 100, |row| sizes[row]).collect()
    }

    #[test]
    fn a_batch_ends_where_rows_or_bytes_are_many() {
        assert_eq!(of(&[]), []);
        assert_eq!(of(&[1, 1, 1, 1]), [0..3, 3..4]);
        assert_eq!(of(&[60, 40, 1]), [0..2, 2..3]);
    }

    #[test]
    fn a_row_that_is_too_large_is_a_batch_of_its_own() {
        assert_eq!(of(&[1, usize::MAX, 1, 500]), [0..1, 1..2, 2..3, 3..4]);
        assert_eq!(of(&[0, 101, 0]), [0..1, 1..3]);
    }
}
