//! Scores from several parts: the product of factors, and what a user's own items say by their
//! neighbours.
//!
//! ŷ(u, j) = \[p_u·q_gj\] + κ Σ_{i ∈ history(u)} B_ij, each part there or not. The candidates of a user are
//! the neighbours of their items, which loses nothing against all items (measured); where these are few
//! they are filled up with what is most popular in the segment. A list costs the additions of the neighbours and a product of
//! length k for each candidate: on 27 items with 50 neighbours about 700 products.

use super::top_n::{Scored, TopN};
use crate::error::Result;
use crate::linalg::vector::dot_simd;
use crate::matrix::{Matrix, Rows};
use crate::observer::Observer;
use crate::scorers::neighbours::{NeighbourRows, NeighbourScratch};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How the parts of a version make a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blend {
    /// Whether the product of factors counts.
    pub factors: bool,
    /// κ: what the sum over neighbours is multiplied by; 0 without neighbours.
    pub neighbours: f32,
    /// w, the share of neighbours that κ stands for: 0 none, 1 nothing else.
    pub share: f32,
}

impl Blend {
    /// Factors alone.
    pub const FACTORS: Self = Self { factors: true, neighbours: 0.0, share: 0.0 };
    /// Neighbours alone.
    pub const NEIGHBOURS: Self = Self { factors: false, neighbours: 1.0, share: 1.0 };
    /// Neither: popularity.
    pub const POPULARITY: Self = Self { factors: false, neighbours: 0.0, share: 0.0 };

    /// Whether neighbours count.
    pub fn has_neighbours(&self) -> bool {
        self.neighbours > 0.0
    }
}

/// Where a user has fewer neighbours than this to choose from, the most popular items of their segment fill
/// them up: ten lists of twenty. On Gowalla's validation split that reaches .2340/.1371 (recall/ndcg@20), as every item
/// does.
pub const FEWEST_CANDIDATES: usize = 200;

/// The factors of items as a segment sees them: its own rows, and the backbone's for all others.
#[derive(Clone, Copy, Debug)]
pub struct ItemRows<'a> {
    /// items × k.
    pub backbone: Rows<'a>,
    /// The segment's items, ascending, and their own factors.
    pub own: Option<(&'a [u32], Rows<'a>)>,
}

impl<'a> ItemRows<'a> {
    /// The factors of an item.
    pub fn row(&self, item: u32) -> &'a [f32] {
        let own = self.own.and_then(|(items, rows)| Some(rows.row(items.binary_search(&item).ok()?)));
        own.unwrap_or_else(|| self.backbone.row(item as usize))
    }

    /// The factors of some items, in their order.
    pub fn select(&self, items: &[u32]) -> Result<Matrix> {
        let data = items.iter().flat_map(|&item| self.row(item)).copied().collect();
        Matrix::from_data(self.backbone.columns(), data)
    }

    /// The product of `user` with the factors of each of `items` (ascending): k multiply-adds an item,
    /// whose rows are gathered.
    pub fn scores(&self, user: &[f32], items: &[u32]) -> Vec<f32> {
        pulp::Arch::new().dispatch(Gathered { rows: *self, user, items })
    }
}

struct Gathered<'a> {
    rows: ItemRows<'a>,
    user: &'a [f32],
    items: &'a [u32],
}

impl WithSimd for Gathered<'_> {
    type Output = Vec<f32>;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let (own_items, own_rows) = self.rows.own.unwrap_or((&[], self.rows.backbone));
        let mut next = 0;
        let mut scores = Vec::with_capacity(self.items.len());
        // A closure given away would be compiled without the instructions that are chosen here.
        for &item in self.items {
            while own_items.get(next).is_some_and(|&own| own < item) {
                next += 1;
            }
            let row = match own_items.get(next) {
                Some(&own) if own == item => own_rows.row(next),
                _ => self.rows.backbone.row(item as usize),
            };
            scores.push(dot_simd(simd, self.user, row));
        }
        scores
    }
}

/// The items a user may be offered, ascending, with what the neighbours of their items say of each: `named`
/// without `excluded` (both ascending), and where these are few the first of `popular` that they are not.
pub fn candidates(named: (&[u32], &[f32]), excluded: &[u32], popular: &[u32]) -> (Vec<u32>, Vec<f32>) {
    let (named, said) = named;
    let (mut items, mut sums) = (Vec::with_capacity(named.len()), Vec::with_capacity(named.len()));
    let mut from = 0;
    for seen in excluded {
        let to = from + named[from..].partition_point(|item| item < seen);
        items.extend_from_slice(&named[from..to]);
        sums.extend_from_slice(&said[from..to]);
        from = to + usize::from(named.get(to) == Some(seen));
    }
    items.extend_from_slice(&named[from..]);
    sums.extend_from_slice(&said[from..]);
    let missing = FEWEST_CANDIDATES.saturating_sub(items.len());
    if missing > 0 && !popular.is_empty() {
        let allowed = |item: &&u32| [&items, excluded].iter().all(|taken| taken.binary_search(item).is_err());
        let more = popular.iter().filter(allowed);
        let more: Vec<u32> = more.take(missing).copied().collect();
        let mut all: Vec<(u32, f32)> = items.into_iter().zip(sums).collect();
        all.extend(more.into_iter().map(|item| (item, 0.0)));
        all.sort_unstable_by_key(|entry| entry.0);
        (items, sums) = all.into_iter().unzip();
    }
    (items, sums)
}

/// Somebody who is ranked for.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// Their factors; not read where factors do not count.
    pub factors: &'a [f32],
    /// What these are scored against.
    pub rows: ItemRows<'a>,
    /// What counts of what they have, ascending.
    pub history: &'a [u32],
    /// All that they have, ascending; it is left out of their list.
    pub seen: &'a [u32],
    /// What they may be offered where their items name little: their segment's items, the most popular first.
    pub popular: &'a [u32],
}

/// The best `n` items for each of `count` people, in parallel.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn blended_lists<'a>(
    count: usize,
    person: impl Fn(usize) -> Person<'a> + Sync,
    neighbours: &(impl NeighbourRows + Sync),
    blend: Blend,
    n: usize,
    observer: &dyn Observer,
) -> Result<Vec<Vec<Scored>>> {
    let list = |scratch: &mut NeighbourScratch, place: usize| {
        observer.check()?;
        let person = person(place);
        let named = neighbours.score(person.history, scratch);
        let (items, sums) = candidates(named, person.seen, person.popular);
        let products = if blend.factors { person.rows.scores(person.factors, &items) } else { Vec::new() };
        Ok(best(&items, &products, &sums, blend.neighbours, n))
    };
    (0..count).into_par_iter().map_init(NeighbourScratch::default, list).collect()
}

/// The best `n` of some candidates (ascending) by both parts; `products` are those of factors, empty where
/// these do not count.
pub fn best(items: &[u32], products: &[f32], sums: &[f32], neighbours: f32, n: usize) -> Vec<Scored> {
    let mut top = TopN::new(n);
    for (place, &item) in items.iter().enumerate() {
        let product = products.get(place).copied().unwrap_or(0.0);
        top.push(item, product + neighbours * sums[place]);
    }
    top.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::vector::dot;

    fn values(count: usize, offset: u64) -> Vec<f32> {
        (0..count as u64).map(|i| (crate::seed::mix(i + offset) >> 40) as f32 / 1e7 - 0.8).collect()
    }

    #[test]
    fn an_item_is_scored_by_its_segments_row_and_else_by_the_backbones() {
        let backbone = Matrix::from_data(5, values(50, 0)).unwrap();
        let own = Matrix::from_data(5, values(15, 900)).unwrap();
        let user = values(5, 77);
        let rows = ItemRows { backbone: backbone.view(), own: Some((&[2, 3, 9], own.view())) };
        let expected = [(0, backbone.row(0)), (3, own.row(1)), (4, backbone.row(4)), (9, own.row(2))];
        let scores = rows.scores(&user, &[0, 3, 4, 9]);
        for ((_, row), score) in expected.iter().zip(scores) {
            assert!((dot(&user, row) - score).abs() < 1e-6);
        }
        for (item, row) in expected {
            assert_eq!(rows.row(item), row);
        }
    }

    #[test]
    fn few_neighbours_are_filled_up_with_the_segments_most_popular_items_and_many_are_not() {
        let found = candidates((&[1, 4, 6], &[0.5, 0.25, 2.0]), &[4, 8], &[9, 1, 8, 0]);
        assert_eq!(found, (vec![0, 1, 6, 9], vec![0.0, 0.5, 2.0, 0.0]));
        let popular: Vec<u32> = (0..5000).rev().collect();
        let (items, sums) = candidates((&[3, 4998], &[1.0, 2.0]), &[4999], &popular);
        assert_eq!(items, [&[3], &(4800..4999).collect::<Vec<u32>>()[..]].concat());
        assert_eq!(sums.iter().sum::<f32>(), 3.0);
        let many: Vec<u32> = (0..300).collect();
        assert_eq!(candidates((&many, &[1.0; 300]), &[7], &[500]).0.len(), 299);
    }

    #[test]
    fn both_parts_add_up() {
        let list = best(&[3, 5, 8], &[1.0, 0.0, 0.5], &[0.0, 2.0, 0.5], 2.0, 2);
        assert_eq!(list, [Scored { item: 5, score: 4.0 }, Scored { item: 8, score: 1.5 }]);
        assert_eq!(best(&[3, 5], &[], &[1.0, 2.0], 1.0, 1), [Scored { item: 5, score: 2.0 }]);
    }
}
