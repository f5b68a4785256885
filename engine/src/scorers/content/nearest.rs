//! The items whose content is nearest, by cosine, for all items or for some that come later.
//!
//! The cosines of a block of targets with a tile of items are a matrix product for the dense columns, to which the lists
//! of the sparse columns (which items have the column) are added. Targets × items × (2 · dense columns + entries in the
//! lists) flops; a tile of 256 kB stays in the L2 cache. A larger catalogue is searched approximately
//! (`super::approximate`). Blocks do not depend on the number of threads, and ties go to
//! the lower item, so neither does the result.

use super::approximate::{self, Search};
use super::best::Best;
use super::cells::Cells;
use crate::error::{EngineError, Result};
use crate::features::EncodedItems;
use crate::interactions::SparseRows;
use crate::linalg::product::scores;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::scorers::neighbours::strongest::{Weighted, sparse_rows};
use rayon::prelude::*;

/// Targets of a block.
const TARGETS: usize = 32;
/// Items of a tile.
const TILE_ITEMS: usize = 2_048;

/// With more items than this the search is approximate: comparing all takes 6.6 s for 20,000 items with embeddings and 51 s
/// for 50,000.
const MOST_EXACT: usize = 20_000;

/// Some of the items, arranged for the search among them.
#[derive(Clone, Debug)]
pub struct ContentIndex {
    /// The numbers of the items, ascending.
    items: Vec<u32>,
    /// The number of items from which these were chosen.
    width: usize,
    /// The numbers of their sparse and dense columns.
    columns: [usize; 2],
    /// For each sparse column the places in `items` of those that have it, ascending, and their values.
    lists: SparseRows,
    arrangement: Arrangement,
}

/// How the items themselves are arranged.
#[derive(Clone, Debug)]
enum Arrangement {
    /// The dense columns, chosen items × columns, of which all are compared.
    Exact(Matrix),
    /// The items, and the cells that are searched.
    Approximate { own: EncodedItems, cells: Option<Box<Cells>> },
}

impl ContentIndex {
    /// Arranges the items for which `choose` returns true, such as those that have events.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn new(items: &EncodedItems, choose: impl Fn(u32) -> bool, observer: &dyn Observer) -> Result<Self> {
        Self::with(items, choose, MOST_EXACT, observer)
    }

    /// As [`Self::new`], approximate from another number of items on.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn with(
        items: &EncodedItems,
        choose: impl Fn(u32) -> bool,
        most_exact: usize,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let chosen: Vec<u32> = (0..items.rows() as u32).filter(|&item| choose(item)).collect();
        let own = items.select(&chosen, observer)?;
        let lists = own.sparse().transposed();
        observer.check()?;
        let columns = [own.sparse().width(), own.dense().columns()];
        let arrangement = if chosen.len() <= most_exact {
            let mut dense = Matrix::zeros(own.dense().rows(), columns[1]);
            if columns[1] > 0 {
                let rows = dense.data_mut().par_chunks_mut(columns[1]).enumerate();
                rows.try_for_each(|(item, row)| {
                    observer.check()?;
                    own.dense().write(item, row);
                    Ok(())
                })?;
            }
            Arrangement::Exact(dense)
        } else {
            let cells = Cells::new(&own, &lists, observer)?.map(Box::new);
            Arrangement::Approximate { own, cells }
        };
        Ok(Self { items: chosen, width: items.rows(), columns, lists, arrangement })
    }

    /// The `count` items with the largest positive cosines with each target, ascending, and the cosines (targets ×
    /// items); nearly so if there are too many to compare all. With `leaves_out_own`, target t is item t and not its own
    /// neighbour.
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
            ("sparse columns of targets", self.columns[0], targets.sparse().width()),
            ("dense columns of targets", self.columns[1], targets.dense().columns()),
        ] {
            if expected != found {
                return Err(EngineError::Shape { what, expected, found });
            }
        }
        let dense = match &self.arrangement {
            Arrangement::Exact(dense) => dense,
            Arrangement::Approximate { own, cells } => {
                let (numbers, lists, cells) = (&self.items[..], &self.lists, cells.as_deref());
                let search = Search { items: own, numbers, lists, cells };
                let found = search.nearest(targets, count, leaves_out_own, observer)?;
                return sparse_rows(found, self.width);
            }
        };
        let blocks = targets.rows().div_ceil(TARGETS);
        let found: Vec<Vec<Vec<Weighted>>> = (0..blocks)
            .into_par_iter()
            .map_init(
                || (vec![0.0; TARGETS * TILE_ITEMS.min(self.items.len())], Vec::new()),
                |(tile, buffer), block| {
                    let first = block * TARGETS;
                    let rows = first..(first + TARGETS).min(targets.rows());
                    let own = targets.dense().block(rows.clone(), buffer);
                    let mut best = vec![Best::new(count); rows.len()];
                    for start in (0..self.items.len()).step_by(TILE_ITEMS) {
                        observer.check()?;
                        let end = (start + TILE_ITEMS).min(self.items.len());
                        self.cosines((dense, own), targets, rows.clone(), start..end, tile);
                        let cosines = tile.chunks(end - start);
                        for ((target, best), cosines) in rows.clone().zip(&mut best).zip(cosines) {
                            let own = leaves_out_own.then_some(target as u32);
                            for (&item, &cosine) in self.items[start..end].iter().zip(cosines) {
                                if Some(item) != own {
                                    best.offer(item, cosine);
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
        (dense, own): (&Matrix, &[f32]),
        targets: &EncodedItems,
        rows: std::ops::Range<usize>,
        chosen: std::ops::Range<usize>,
        tile: &mut [f32],
    ) {
        let (columns, width) = (dense.columns(), chosen.len());
        let tile = &mut tile[..rows.len() * width];
        scores(own, &dense.data()[chosen.start * columns..chosen.end * columns], columns, tile);
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

    /// An upper estimate of the bytes of an index of `items` items with `entries` values in `sparse` sparse columns and
    /// with `columns` dense ones, and of a search for `count` neighbours of each of `targets` targets.
    pub fn memory(
        items: usize,
        [entries, sparse]: [usize; 2],
        columns: usize,
        targets: usize,
        count: usize,
        threads: usize,
    ) -> u64 {
        let index = 24 * entries + 40 * items;
        let found = (targets * (24 * count + 56)) as u64;
        if items <= MOST_EXACT {
            let search = threads * TARGETS * (4 * TILE_ITEMS + 4 * columns + 16 * count);
            return (index + 4 * items * columns + search) as u64 + found;
        }
        index as u64
            + found
            + Cells::memory(items, columns, threads)
            + approximate::memory(items, sparse, columns, count, threads)
    }
}
