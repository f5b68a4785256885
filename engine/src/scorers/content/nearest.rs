//! The items whose content is nearest, by cosine, for all items or for some that come later.
//!
//! The cosines of a block of targets with a tile of items are a matrix product for the dense columns, to which the lists
//! of the sparse columns (which items have the column) are added. Targets × items × (2 · dense columns + entries in the
//! lists) flops; a tile of 256 kB stays in the L2 cache. Blocks do not depend on the number of threads, and ties go to
//! the lower item, so neither does the result.

use crate::error::{EngineError, Result};
use crate::features::EncodedItems;
use crate::interactions::SparseRows;
use crate::linalg::product::scores;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::scorers::neighbours::strongest::{Weighted, keep_strongest, sparse_rows};
use rayon::prelude::*;

/// Targets of a block.
const TARGETS: usize = 32;
/// Items of a tile.
const TILE_ITEMS: usize = 2_048;

/// Some of the items, arranged for the search among them.
#[derive(Clone, Debug)]
pub struct ContentIndex {
    /// The numbers of the items, ascending.
    items: Vec<u32>,
    /// The number of items from which these were chosen.
    width: usize,
    /// The dense columns, chosen items × columns.
    dense: Matrix,
    /// For each sparse column the places in `items` of those that have it, ascending, and their values.
    lists: SparseRows,
}

impl ContentIndex {
    /// Arranges the items for which `choose` returns true, such as those that have events.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn new(items: &EncodedItems, choose: impl Fn(u32) -> bool, observer: &dyn Observer) -> Result<Self> {
        let chosen: Vec<u32> = (0..items.rows() as u32).filter(|&item| choose(item)).collect();
        let own = items.select(&chosen, observer)?;
        let lists = own.sparse().transposed();
        Ok(Self { items: chosen, width: items.rows(), dense: own.dense().clone(), lists })
    }

    /// The `count` items with the largest positive cosines with each target, ascending, and the cosines (targets ×
    /// items). With `leaves_out_own`, target t is item t and not its own neighbour.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the targets have other columns, [`EngineError::Cancelled`].
    pub fn nearest(
        &self,
        targets: &EncodedItems,
        count: usize,
        leaves_out_own: bool,
        observer: &dyn Observer,
    ) -> Result<SparseRows> {
        for (what, expected, found) in [
            ("sparse columns of targets", self.lists.rows(), targets.sparse().width()),
            ("dense columns of targets", self.dense.columns(), targets.dense().columns()),
        ] {
            if expected != found {
                return Err(EngineError::Shape { what, expected, found });
            }
        }
        let blocks = targets.rows().div_ceil(TARGETS);
        let found: Vec<Vec<Vec<Weighted>>> = (0..blocks)
            .into_par_iter()
            .map_init(
                || vec![0.0; TARGETS * TILE_ITEMS.min(self.items.len())],
                |tile, block| {
                    let first = block * TARGETS;
                    let rows = first..(first + TARGETS).min(targets.rows());
                    let mut best = vec![Best::new(count); rows.len()];
                    for start in (0..self.items.len()).step_by(TILE_ITEMS) {
                        observer.check()?;
                        let end = (start + TILE_ITEMS).min(self.items.len());
                        self.cosines(targets, rows.clone(), start..end, tile);
                        let cosines = tile.chunks(end - start);
                        for ((target, best), cosines) in rows.clone().zip(&mut best).zip(cosines) {
                            let own = leaves_out_own.then_some(target as u32);
                            for (&item, &cosine) in self.items[start..end].iter().zip(cosines) {
                                if cosine > best.least && Some(item) != own {
                                    best.push(item, cosine);
                                }
                            }
                        }
                    }
                    Ok(best.into_iter().map(Best::finish).collect())
                },
            )
            .collect::<Result<_>>()?;
        sparse_rows(found.into_iter().flatten().collect(), self.width)
    }

    /// Fills `tile` with the cosines of some targets with some of the chosen items, row by row.
    fn cosines(
        &self,
        targets: &EncodedItems,
        rows: std::ops::Range<usize>,
        chosen: std::ops::Range<usize>,
        tile: &mut [f32],
    ) {
        let (columns, width) = (self.dense.columns(), chosen.len());
        let tile = &mut tile[..rows.len() * width];
        let [from, of] = [(targets.dense(), &rows), (&self.dense, &chosen)]
            .map(|(matrix, range)| &matrix.data()[range.start * columns..range.end * columns]);
        scores(from, of, columns, tile);
        for (target, cosines) in rows.zip(tile.chunks_mut(width)) {
            let (columns, values) = targets.sparse().row(target);
            for (&column, &value) in columns.iter().zip(values) {
                let (places, others) = self.lists.row(column as usize);
                let [first, end] =
                    [chosen.start, chosen.end].map(|bound| places.partition_point(|&p| (p as usize) < bound));
                for (&place, &other) in places[first..end].iter().zip(&others[first..end]) {
                    cosines[place as usize - chosen.start] += value * other;
                }
            }
        }
    }

    /// An upper estimate of the bytes of an index of `items` items with `entries` sparse and `columns` dense values, and
    /// of a search for `count` neighbours of each of `targets` targets.
    pub fn memory(
        items: usize,
        entries: usize,
        columns: usize,
        targets: usize,
        count: usize,
        threads: usize,
    ) -> u64 {
        let index = 4 * items * columns + 24 * entries + 16 * items;
        let search = threads * TARGETS * (4 * TILE_ITEMS + 16 * count);
        (2 * index + search + targets * (24 * count + 32)) as u64
    }
}

/// The largest positive cosines so far.
#[derive(Clone)]
struct Best {
    count: usize,
    /// What a later item must exceed.
    least: f32,
    found: Vec<Weighted>,
}

impl Best {
    fn new(count: usize) -> Self {
        let least = if count == 0 { f32::INFINITY } else { 0.0 };
        Self { count, least, found: Vec::new() }
    }

    fn push(&mut self, item: u32, cosine: f32) {
        self.found.push((item, cosine));
        if self.found.len() >= 2 * self.count {
            keep_strongest(&mut self.found, self.count);
            self.least = self.found.iter().fold(f32::INFINITY, |least, found| least.min(found.1));
        }
    }

    fn finish(mut self) -> Vec<Weighted> {
        keep_strongest(&mut self.found, self.count);
        self.found.shrink_to_fit();
        self.found
    }
}
