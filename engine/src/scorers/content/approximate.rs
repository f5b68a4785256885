//! The nearest of many items, approximately: candidates are those with the most similar sketches in the nearest cells
//! ([`super::cells`]) and those that share rare columns ([`super::rare_columns`]), which are then compared by their exact
//! cosines. Targets of the same cell are searched for together, so that most of the work is matrix products. Groups of
//! targets do not depend on the number of threads, and ties go to the lower item, so neither does the result.

use super::best::Best;
use super::cells::{CellScratch, Cells, NONE};
use super::rare_columns::{self, RareScratch};
use crate::error::Result;
use crate::features::EncodedItems;
use crate::interactions::SparseRows;
use crate::linalg::product::scores;
use crate::observer::Observer;
use crate::scorers::neighbours::strongest::Weighted;
use rayon::prelude::*;
use std::cmp::Ordering;

/// Targets that are searched for together.
const TARGETS: usize = 128;
/// The items whose sketches are compared with that of a target. Of the 50 nearest of generated items with embeddings of
/// 768 numbers (`benches/run.sh described`) .967, .933, .910 and .912 are found among 50,000, 100,000, 200,000 and
/// 1,000,000, and .998 of those of 30,000 with titles of eight words. 100,000 with embeddings take 44 s of processor time.
const PROBED: usize = 24_576;
/// Candidates of each kind for each item that is wanted.
const CANDIDATES: usize = 4;
/// Exact cosines between two checks for cancellation.
const CHECKED: usize = 16;

/// Items arranged for the search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    /// The items that are searched.
    pub items: &'a EncodedItems,
    /// Their numbers among those that they were chosen from.
    pub numbers: &'a [u32],
    /// For each sparse column the items that have it.
    pub lists: &'a SparseRows,
    /// `None` if there is nothing to sketch.
    pub cells: Option<&'a Cells>,
}

/// Scratch space of a thread.
struct Scratch {
    cells: CellScratch,
    rare: RareScratch,
    /// The sparse values of a target; zero between two.
    spread: Vec<f32>,
    gathered: Vec<f32>,
    products: Vec<f32>,
    order: Vec<u32>,
    buffer: Vec<f32>,
}

impl Search<'_> {
    /// The `count` items with the largest positive cosines with each target, by their numbers. With `leaves_out_own`,
    /// target t is item t and not its own neighbour.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn nearest(
        &self,
        targets: &EncodedItems,
        count: usize,
        leaves_out_own: bool,
        observer: &dyn Observer,
    ) -> Result<Vec<Vec<Weighted>>> {
        let of_target = match self.cells {
            Some(cells) => cells.nearest(targets, observer)?,
            None => vec![NONE; targets.rows()],
        };
        let mut order: Vec<u32> = (0..targets.rows() as u32).collect();
        order.sort_by_key(|&target| of_target[target as usize]);
        let groups: Vec<&[u32]> = order
            .chunk_by(|&a, &b| of_target[a as usize] == of_target[b as usize])
            .flat_map(|group| group.chunks(TARGETS))
            .collect();
        let found: Vec<Vec<Vec<Weighted>>> = groups
            .par_iter()
            .map_init(
                || self.scratch(targets),
                |scratch, group| {
                    let has_cells = of_target[group[0] as usize] != NONE;
                    let similar = match self.cells.filter(|_| has_cells) {
                        Some(cells) => similar(cells, targets, group, CANDIDATES * count, scratch, observer)?,
                        None => vec![Vec::new(); group.len()],
                    };
                    let mut nearest = Vec::with_capacity(group.len());
                    for (place, (&target, similar)) in group.iter().zip(similar).enumerate() {
                        if place.is_multiple_of(CHECKED) {
                            observer.check()?;
                        }
                        let own = leaves_out_own.then_some(target);
                        nearest.push(self.best(targets, target as usize, own, similar, count, scratch));
                    }
                    Ok(nearest)
                },
            )
            .collect::<Result<_>>()?;
        let mut nearest = vec![Vec::new(); targets.rows()];
        for (&target, found) in order.iter().zip(found.into_iter().flatten()) {
            nearest[target as usize] = found;
        }
        Ok(nearest)
    }

    fn scratch(&self, targets: &EncodedItems) -> Scratch {
        Scratch {
            cells: CellScratch::default(),
            rare: RareScratch::new(self.items.rows()),
            spread: vec![0.0; self.lists.rows()],
            gathered: Vec::new(),
            products: Vec::new(),
            order: Vec::new(),
            buffer: vec![0.0; targets.dense().columns()],
        }
    }

    /// The nearest of the candidates by exact cosines: those with similar sketches, and those with rare columns in common.
    fn best(
        &self,
        targets: &EncodedItems,
        target: usize,
        own: Option<u32>,
        similar: Vec<Weighted>,
        count: usize,
        scratch: &mut Scratch,
    ) -> Vec<Weighted> {
        let row = targets.sparse().row(target);
        let rare =
            rare_columns::candidates(row, self.lists, self.cells, CANDIDATES * count, &mut scratch.rare);
        let mut candidates: Vec<u32> = similar.iter().chain(rare).map(|candidate| candidate.0).collect();
        candidates.sort_unstable();
        candidates.dedup();
        row.0.iter().zip(row.1).for_each(|(&column, &value)| scratch.spread[column as usize] = value);
        let query = self.items.dense().query(targets.dense().row(target).into_owned());
        let mut best = Best::new(count);
        for candidate in candidates {
            let number = self.numbers[candidate as usize];
            if Some(number) == own {
                continue;
            }
            let (columns, values) = self.items.sparse().row(candidate as usize);
            let shared = columns.iter().zip(values);
            let sparse: f32 = shared.map(|(&column, &value)| scratch.spread[column as usize] * value).sum();
            let dense = self.items.dense().product(&query, candidate as usize, &mut scratch.buffer);
            best.offer(number, sparse + dense);
        }
        row.0.iter().for_each(|&column| scratch.spread[column as usize] = 0.0);
        best.finish()
    }
}

/// The items with the most similar sketches to those of the targets of a group, in the cells that are nearest to each.
fn similar(
    cells: &Cells,
    targets: &EncodedItems,
    group: &[u32],
    count: usize,
    scratch: &mut Scratch,
    observer: &dyn Observer,
) -> Result<Vec<Vec<Weighted>>> {
    observer.check()?;
    let Scratch { cells: own, gathered, products, order, .. } = scratch;
    cells.rank(targets, group, own);
    let width = cells.width();
    let mut probes: Vec<(u32, u32)> = Vec::new();
    for (place, ranks) in own.ranks.chunks(cells.count()).enumerate() {
        let by_rank = |&a: &u32, &b: &u32| -> Ordering {
            ranks[b as usize].total_cmp(&ranks[a as usize]).then(a.cmp(&b))
        };
        order.clear();
        order.extend(0..cells.count() as u32);
        // More cells than have so many items on average are hardly ever wanted.
        let most = (4 * PROBED * cells.count()).div_ceil(cells.items()).min(order.len());
        if most < order.len() {
            order.select_nth_unstable_by(most, by_rank);
            order.truncate(most);
        }
        order.sort_unstable_by(by_rank);
        let mut left = PROBED;
        for &cell in order.iter() {
            probes.push((cell, place as u32));
            left = left.saturating_sub(cells.cell(cell).0.len());
            if left == 0 {
                break;
            }
        }
    }
    probes.sort_unstable();
    let mut best = vec![Best::new(count); group.len()];
    for probes in probes.chunk_by(|a, b| a.0 == b.0) {
        observer.check()?;
        let (items, sketches) = cells.cell(probes[0].0);
        gathered.clear();
        for &(_, place) in probes {
            let first = place as usize * width;
            gathered.extend_from_slice(&own.sketches[first..first + width]);
        }
        products.resize(probes.len() * items.len(), 0.0);
        scores(gathered, sketches, width, products);
        for (&(_, place), products) in probes.iter().zip(products.chunks(items.len())) {
            let best = &mut best[place as usize];
            for (&item, &product) in items.iter().zip(products) {
                best.offer(item, product);
            }
        }
    }
    Ok(best.into_iter().map(Best::finish).collect())
}

/// Bytes of a search among `items` items, with `sparse` and `dense` columns, for `count` nearest on `threads` threads.
pub(super) fn memory(items: usize, sparse: usize, dense: usize, count: usize, threads: usize) -> u64 {
    let tiles = 4 * TARGETS * (4_096 + 512 + items / 512) + 4 * dense * TARGETS;
    let best = TARGETS * 16 * CANDIDATES * count;
    (threads * (RareScratch::memory(items) + 4 * sparse + tiles + best)) as u64
}
