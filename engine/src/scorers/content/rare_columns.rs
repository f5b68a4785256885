//! Items that share rare sparse columns with a target, such as uncommon words: from the lists of the items that have each
//! column, the shortest first, until enough has been read. The rarest words have the largest weights, so what is not read
//! would hardly have moved a candidate up.

use super::cells::Cells;
use crate::interactions::SparseRows;
use crate::scorers::neighbours::strongest::{Weighted, keep_strongest};

/// The most entries of lists that are read for a target.
const MOST_ENTRIES: usize = 16_384;

/// Scratch space of a thread.
#[derive(Debug)]
pub(super) struct RareScratch {
    /// The products so far; zero between two targets.
    sums: Vec<f32>,
    found: Vec<Weighted>,
    columns: Vec<(usize, u32, f32)>,
}

impl RareScratch {
    /// For so many items.
    pub fn new(items: usize) -> Self {
        Self { sums: vec![0.0; items], found: Vec::new(), columns: Vec::new() }
    }

    /// Bytes for `items` items.
    pub fn memory(items: usize) -> usize {
        4 * items + 8 * MOST_ENTRIES
    }
}

/// The `count` items with the largest sums of products over the rare columns of a target, in any order. `lists` has the
/// items of each column; those that cells know are not rare.
pub(super) fn candidates<'a>(
    (columns, values): (&[u32], &[f32]),
    lists: &SparseRows,
    cells: Option<&Cells>,
    count: usize,
    scratch: &'a mut RareScratch,
) -> &'a [Weighted] {
    let RareScratch { sums, found, columns: rare } = scratch;
    let own =
        columns.iter().zip(values).filter(|(column, _)| !cells.is_some_and(|cells| cells.has(**column)));
    rare.clear();
    rare.extend(own.map(|(&column, &value)| (lists.row_len(column as usize), column, value)));
    rare.sort_unstable_by_key(|&(length, column, _)| (length, column));
    found.clear();
    let mut left = MOST_ENTRIES;
    for &(length, column, value) in rare.iter() {
        // Of the first list a part is better than nothing.
        if length > left && left < MOST_ENTRIES {
            break;
        }
        let (items, others) = lists.row(column as usize);
        for (&item, &other) in items.iter().zip(others).take(left) {
            let sum = &mut sums[item as usize];
            if *sum == 0.0 {
                found.push((item, 0.0));
            }
            *sum += value * other;
        }
        left -= length.min(left);
    }
    for (item, product) in found.iter_mut() {
        *product = std::mem::take(&mut sums[*item as usize]);
    }
    keep_strongest(found, count);
    found
}
