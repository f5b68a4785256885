//! Lists for many users who share item factors. Scores are computed by blocked matrix products, one tile of items at a
//! time, so that both sides stay in the cache.

use super::top_n::{Scored, TopN};
use crate::error::Result;
use crate::linalg::product::scores;
use crate::matrix::{Matrix, Rows};
use crate::observer::Observer;
use rayon::prelude::*;

/// Users per task; the scores of a tile take 64 × 1024 × 4 = 256 kB, a quarter of the cache.
const BLOCK_USERS: usize = 64;
/// Items per tile.
const TILE_ITEMS: usize = 1024;

/// The item factors that users are scored against.
#[derive(Clone, Copy, Debug)]
pub struct Scoring<'a> {
    /// Item factors, n × k.
    pub item_factors: Rows<'a>,
    /// The item of each row, ascending; `None` if rows and items have the same numbers.
    pub items: Option<&'a [u32]>,
}

impl Scoring<'_> {
    /// The item of `row`.
    #[inline(always)]
    pub fn item(&self, row: usize) -> u32 {
        self.items.map_or(row as u32, |items| items[row])
    }

    /// The row of `item`; `None` if it has none.
    #[inline(always)]
    pub fn row_of(&self, item: u32) -> Option<usize> {
        match self.items {
            Some(items) => items.binary_search(&item).ok(),
            None => ((item as usize) < self.item_factors.rows()).then_some(item as usize),
        }
    }
}

/// The best `n` items for each row of `user_factors` (users × k); `seen(row)` returns the items to leave out,
/// ascending.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn top_lists<'s, F>(
    user_factors: &Matrix,
    scoring: Scoring<'_>,
    seen: F,
    n: usize,
    observer: &dyn Observer,
) -> Result<Vec<Vec<Scored>>>
where
    F: Fn(usize) -> &'s [u32] + Sync,
{
    let k = user_factors.columns();
    let blocks: Vec<Vec<Vec<Scored>>> = user_factors
        .data()
        .par_chunks(BLOCK_USERS * k.max(1))
        .enumerate()
        .map(|(block, rows)| {
            observer.check()?;
            block_lists(rows, k, scoring, |row| seen(block * BLOCK_USERS + row), n, observer)
        })
        .collect::<Result<_>>()?;
    Ok(blocks.into_iter().flatten().collect())
}

fn block_lists<'s>(
    rows: &[f32],
    k: usize,
    scoring: Scoring<'_>,
    seen: impl Fn(usize) -> &'s [u32],
    n: usize,
    observer: &dyn Observer,
) -> Result<Vec<Vec<Scored>>> {
    let users = rows.len() / k.max(1);
    let mut lists: Vec<TopN> = (0..users).map(|_| TopN::new(n)).collect();
    let excluded: Vec<Vec<usize>> =
        (0..users).map(|user| seen(user).iter().filter_map(|&item| scoring.row_of(item)).collect()).collect();
    let mut next = vec![0; users];
    let mut tile_scores = vec![0.0; users * TILE_ITEMS];
    for (tile, factors) in scoring.item_factors.data().chunks(TILE_ITEMS * k.max(1)).enumerate() {
        observer.check()?;
        let first = tile * TILE_ITEMS;
        let items = factors.len() / k.max(1);
        let tile_scores = &mut tile_scores[..users * items];
        scores(rows, factors, k, tile_scores);
        for (user, row) in tile_scores.chunks_exact_mut(items).enumerate() {
            while let Some(&place) = excluded[user].get(next[user]).filter(|&&place| place < first + items) {
                row[place - first] = f32::NEG_INFINITY;
                next[user] += 1;
            }
            lists[user].push_row(row, |offset| scoring.item(first + offset));
        }
    }
    Ok(lists.into_iter().map(TopN::finish).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::vector::dot;
    use crate::observer::Silent;

    #[test]
    fn lists_agree_with_sorting_all_scores_and_leave_out_seen_items() {
        let k = 5;
        let value = |i: usize| (crate::seed::mix(i as u64) >> 40) as f32 / 1e7 - 0.8;
        let users = Matrix::from_data(k, (0..70 * k).map(value).collect()).unwrap();
        let items = Matrix::from_data(k, (0..5000 * k).map(|i| value(i + 1_000_000)).collect()).unwrap();
        let numbers: Vec<u32> = (0..5000).map(|row| row * 3).collect();
        let seen: Vec<Vec<u32>> = (0..70u32).map(|user| (0..400).map(|i| i * 37 + user).collect()).collect();
        let scoring = Scoring { item_factors: items.view(), items: Some(&numbers) };
        let lists = top_lists(&users, scoring, |row| &seen[row], 10, &Silent).unwrap();
        for (user, list) in lists.iter().enumerate() {
            let mut expected: Vec<(f32, u32)> = (0..5000)
                .map(|row| (dot(users.row(user), items.row(row)), row as u32 * 3))
                .filter(|(_, item)| !seen[user].contains(item))
                .collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0));
            assert_eq!(
                list.iter().map(|s| s.item).collect::<Vec<_>>(),
                expected[..10].iter().map(|e| e.1).collect::<Vec<_>>()
            );
        }
    }
}
