//! What is known about items, as a part of the local ridge ([`super::ridge`]): content acts like events that the items
//! had in common. `β Z Zᵀ` is added to the scaled Gramian, on both sides of the regression, and the items whose content
//! is nearest to a target are among its sources.
//!
//! With `G' = D^−γ G D^−γ` the regression is `(G'_NN + β Z_N Z_Nᵀ + ρI) B = G'_Nj + β Z_N z_j`. Multiplied by D_N^γ from
//! the left and by d_j^γ, and with `B = D_N^γ x d_j^−γ`, it becomes
//!
//! ```text
//! (G_NN + β D_N^γ Z_N Z_Nᵀ D_N^γ + ρ D_N^2γ) x = G_Nj + β D_N^γ Z_N z_j d_j^γ
//! ```
//!
//! so that in the units of the system each item has the vector `√β d_i^γ z_i`, whose products with others are added to
//! what was summed over users, and its square to the diagonal. The weights follow from x as without content.

use super::strongest::Weighted;
use crate::error::{EngineError, Result};
use crate::features::EncodedItems;
use crate::interactions::{Interactions, SparseRows};
use crate::linalg::padded;
use crate::linalg::product::scores;
use crate::linalg::row_products::{ROWS, row_products_simd};
use crate::observer::Observer;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// The number of content-nearest items that are sources besides the strongest.
pub const NEAREST: usize = 30;
/// Items whose rows of G are added to together, and items of a tile beside them: 256 kB stay in the L2 cache.
const BLOCK: usize = 32;
const TILE_ITEMS: usize = 2_048;

/// What is known about the items of a training.
#[derive(Clone, Copy, Debug)]
pub struct RidgeContent<'a> {
    /// Z, one vector per item.
    pub items: &'a EncodedItems,
    /// The items with the largest cosines with each, in any number (items × items); [`NEAREST`] are the usual number.
    pub nearest: &'a SparseRows,
    /// β, how much content counts against events; 0 leaves it out. What .3, 1, 3 and 10 add to ndcg@20 of a hybrid
    /// (`benches/run.sh content`, with embeddings): .0014, .0038, .0054 and −.0039 on MovieLens 100k, .0028, .0074,
    /// .0131 and .0100 on Online Retail, and for its items of at most ten users .04, .09, .11 and .10.
    pub weight: f64,
}

/// The content in the units of the system.
#[derive(Debug)]
pub(super) struct ItemContent<'a> {
    given: RidgeContent<'a>,
    /// √β d_i^γ.
    scales: Vec<f32>,
    interactions: &'a Interactions,
}

impl<'a> ItemContent<'a> {
    /// Takes d_i^γ of every item.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there is not one vector and one row of nearest items per item.
    pub fn new(
        given: RidgeContent<'a>,
        degree_scales: &[f32],
        interactions: &'a Interactions,
    ) -> Result<Self> {
        let items = interactions.items();
        for (what, found) in [
            ("items that are encoded", given.items.rows()),
            ("rows of nearest items", given.nearest.rows()),
            ("columns of nearest items", given.nearest.width()),
        ] {
            if found != items {
                return Err(EngineError::Shape { what, expected: items, found });
            }
        }
        let root = given.weight.sqrt() as f32;
        let scales = degree_scales.iter().map(|scale| root * scale).collect();
        Ok(Self { given, scales, interactions })
    }

    /// The most sources that content adds to a target.
    pub fn most_nearest(&self) -> usize {
        let nearest = self.given.nearest;
        (0..nearest.rows()).map(|item| nearest.row_len(item)).max().unwrap_or(0)
    }

    /// Adds the content-nearest items that are no sources yet and have events. `sources` are and stay ascending.
    #[inline(never)]
    pub fn add_sources(&self, target: usize, sources: &mut Vec<Weighted>) {
        let known = sources.len();
        let nearest = self.given.nearest.row(target).0.iter().copied();
        for item in nearest.filter(|&item| item as usize != target) {
            let is_new = sources[..known].binary_search_by_key(&item, |source| source.0).is_err();
            if is_new && self.interactions.by_item().row_len(item as usize) > 0 {
                sources.push((item, 0.0));
            }
        }
        sources.sort_unstable_by_key(|source| source.0);
    }

    /// Adds to G_Nj, which has one value per source.
    #[inline(never)]
    pub fn add_to_right(&self, target: usize, sources: &[Weighted], right: &mut [f32]) {
        let values = right.iter_mut().zip(sources);
        values.for_each(|(value, source)| *value += self.product(source.0 as usize, target));
    }

    /// What content adds to an entry of G.
    pub fn product(&self, item: usize, other: usize) -> f32 {
        let items = self.given.items;
        self.scales[item] * self.scales[other] * items.cosine(item, items, other)
    }

    /// Adds to the rows of the upper triangle of G, of which row i begins at its diagonal. Items²/2 products.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn add_to_gram(&self, gram: &mut [Vec<f32>], observer: &dyn Observer) -> Result<()> {
        let (items, rows) = (self.given.items, self.given.items.rows());
        let columns = items.dense().columns();
        gram.par_chunks_mut(BLOCK).enumerate().try_for_each_init(
            || (vec![0.0; BLOCK * TILE_ITEMS], vec![0.0; items.sparse().width()], [Vec::new(), Vec::new()]),
            |(tile, spread, [own, others]), (block, gram)| {
                let first = block * BLOCK;
                let own = items.dense().block(first..first + gram.len(), own);
                for start in (first..rows).step_by(TILE_ITEMS) {
                    observer.check()?;
                    let end = (start + TILE_ITEMS).min(rows);
                    let tile = &mut tile[..gram.len() * (end - start)];
                    scores(own, items.dense().block(start..end, others), columns, tile);
                    for ((item, sums), cosines) in
                        (first..).zip(gram.iter_mut()).zip(tile.chunks(end - start))
                    {
                        self.spread(item, spread);
                        let scale = self.scales[item];
                        for (other, &cosine) in (start..end).zip(cosines).skip(item.saturating_sub(start)) {
                            let cosine = cosine + self.spread_product(other, spread);
                            sums[other - item] += scale * self.scales[other] * cosine;
                        }
                        self.clear(item, spread);
                    }
                }
                Ok(())
            },
        )
    }

    /// Adds to the part of a system (stride × stride) above its diagonal. K²/2 · (dense columns + sparse entries)
    /// multiply-adds, the dense ones in register tiles. Not inlined, so that a ridge without content stays as it is.
    #[inline(never)]
    pub fn add_to_system(
        &self,
        sources: &[Weighted],
        stride: usize,
        system: &mut [f32],
        scratch: &mut ContentScratch,
    ) {
        let items = self.given.items;
        scratch.spread.resize(items.sparse().width(), 0.0);
        for (place, &(source, _)) in sources.iter().enumerate() {
            self.spread(source as usize, &mut scratch.spread);
            let row = &mut system[place * stride..(place + 1) * stride];
            let scale = self.scales[source as usize];
            for (sum, &(other, _)) in row[place + 1..].iter_mut().zip(&sources[place + 1..]) {
                let other = other as usize;
                *sum += scale * self.scales[other] * self.spread_product(other, &scratch.spread);
            }
            self.clear(source as usize, &mut scratch.spread);
        }
        let width = padded(items.dense().columns());
        if width == 0 {
            return;
        }
        scratch.dense.clear();
        scratch.dense.resize(sources.len().next_multiple_of(ROWS) * width, 0.0);
        for (row, &(source, _)) in scratch.dense.chunks_mut(width).zip(sources) {
            let scale = self.scales[source as usize];
            let row = &mut row[..items.dense().columns()];
            items.dense().write(source as usize, row);
            row.iter_mut().for_each(|value| *value *= scale);
        }
        pulp::Arch::new().dispatch(AddProducts { rows: &scratch.dense, width, system, stride });
    }

    /// Writes the sparse values of an item into a row of zeros, and takes them out again.
    fn spread(&self, item: usize, row: &mut [f32]) {
        let (columns, values) = self.given.items.sparse().row(item);
        columns.iter().zip(values).for_each(|(&column, &value)| row[column as usize] = value);
    }

    fn clear(&self, item: usize, row: &mut [f32]) {
        self.given.items.sparse().row(item).0.iter().for_each(|&column| row[column as usize] = 0.0);
    }

    fn spread_product(&self, other: usize, row: &[f32]) -> f32 {
        let (columns, values) = self.given.items.sparse().row(other);
        columns.iter().zip(values).map(|(&column, &value)| row[column as usize] * value).sum()
    }
}

/// Adds the products of all pairs of rows to a system.
struct AddProducts<'a> {
    rows: &'a [f32],
    width: usize,
    system: &'a mut [f32],
    stride: usize,
}

impl WithSimd for AddProducts<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, width, system, stride } = self;
        row_products_simd(simd, rows, width, |row, column, products| {
            let sums = &mut system[row * stride + column..][..products.len()];
            sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
        });
    }
}

/// Scratch space of a thread.
#[derive(Debug, Default)]
pub(super) struct ContentScratch {
    /// One value per sparse column; all zero between two items.
    spread: Vec<f32>,
    /// The dense vectors of the sources, in the units of the system, in padded rows.
    dense: Vec<f32>,
}

/// Bytes that content adds to a training on `threads` threads.
pub fn memory(items: usize, considered: usize, sparse: usize, dense: usize, threads: usize) -> u64 {
    let sources = (considered + NEAREST).min(items).next_multiple_of(ROWS);
    let tile = 4 * BLOCK * TILE_ITEMS;
    let tile = tile + 4 * (BLOCK + TILE_ITEMS) * dense;
    (4 * items + threads * (4 * sparse + (4 * sources * padded(dense)).max(tile))) as u64
}
