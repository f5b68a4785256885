//! Items in cells: those whose content points in the same direction lie together, so that the nearest of an item are
//! looked for in a few cells (an inverted file; Jégou, Douze & Schmid 2011).
//!
//! What is compared is a *sketch*: the dense columns and the most common sparse ones, projected to the 128 directions in
//! which the items differ most. These are found on a sample by subspace iteration, and the cells by spherical k-means of
//! the sketches of another. Rare sparse columns are not sketched: lists find their items ([`super::rare_columns`]).

use crate::error::Result;
use crate::features::EncodedItems;
use crate::interactions::SparseRows;
use crate::linalg::product::scores;
use crate::linalg::vector::{dot, normalize};
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::seed;
use crate::segmentation::kmeans::{Geometry, KmeansSettings, kmeans};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rand::Rng;
use rayon::prelude::*;

/// The most columns of a sketch.
const SKETCH: usize = 128;
/// A sparse column is common if more than one in this many items has it.
const COMMON: usize = 256;
/// The most common columns that are sketched.
const MOST_COMMON: usize = 256;
/// Items per cell on average.
const CELL_ITEMS: usize = 1_024;
/// A cell with more items, such as one of duplicates, is cut, so that searching it takes bounded time.
const MOST_ITEMS: usize = 4 * CELL_ITEMS;
/// The items of a cell that k-means sees.
const SEEN_ITEMS: usize = 32;
/// The items on which the directions are found, the parts in which they are summed, and the iterations.
const SAMPLE: usize = 8_192;
const PARTS: usize = 8;
const ITERATIONS: usize = 4;
/// The squared length below which what is left of a unit vector is rounding.
const LEAST_LENGTH: f32 = 1e-8;
/// Items that are sketched together.
const BLOCK: usize = 256;
/// The seed of the samples: an index does not depend on the model.
const SEED: u64 = 0;
/// The place of a column that is not sketched, and the cell of an item without a sketch.
pub(super) const NONE: u32 = u32::MAX;

/// Items by cell.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    sketcher: Sketcher,
    /// A direction per cell, cells × columns of a sketch.
    centroids: Matrix,
    /// Where the items of each cell begin.
    starts: Vec<usize>,
    /// The items, by cell.
    items: Vec<u32>,
    /// Their sketches.
    sketches: Matrix,
}

/// What a sketch is made of.
#[derive(Clone, Debug)]
struct Sketcher {
    /// For each sparse column its place among those that are sketched, or [`NONE`].
    places: Vec<u32>,
    /// The numbers of dense and of sparse columns that are sketched.
    columns: [usize; 2],
    /// Orthonormal directions, as rows; `None` if the columns themselves are few.
    directions: Option<Matrix>,
}

impl Cells {
    /// Arranges items, whose sparse columns are also given transposed. `None` if there is nothing to sketch.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn new(items: &EncodedItems, lists: &SparseRows, observer: &dyn Observer) -> Result<Option<Self>> {
        let Some(sketcher) = Sketcher::learn(items, lists, observer)? else { return Ok(None) };
        let all: Vec<u32> = (0..items.rows() as u32).collect();
        let count = all.len().div_ceil(CELL_ITEMS);
        let sample = seed::sample(all.clone(), count * SEEN_ITEMS, seed::mix(SEED));
        let mut points = sketcher.sketches(items, &sample, observer)?;
        points.data_mut().chunks_mut(sketcher.sketched()).for_each(normalize);
        let settings = KmeansSettings {
            geometry: Geometry::Spherical,
            n_clusters: count,
            min_cluster_size: 1,
            n_init: 1,
        };
        let centroids = kmeans(&points, None, &settings, None, SEED, observer)?.centroids;
        drop(points);
        let of_item = sketcher.nearest_centroids(items, &all, &centroids, observer)?;
        let mut by_cell = vec![Vec::new(); centroids.rows()];
        for (item, &cell) in of_item.iter().enumerate().filter(|(_, cell)| **cell != NONE) {
            by_cell[cell as usize].push(item as u32);
        }
        let (mut starts, mut ordered, mut copies) = (vec![0], Vec::with_capacity(all.len()), Vec::new());
        for (cell, items) in by_cell.iter().enumerate() {
            for part in items.chunks(MOST_ITEMS) {
                ordered.extend_from_slice(part);
                starts.push(ordered.len());
                copies.push(cell as u32);
            }
        }
        let sketches = sketcher.sketches(items, &ordered, observer)?;
        let centroids = centroids.select(&copies);
        Ok(Some(Self { sketcher, centroids, starts, items: ordered, sketches }))
    }

    /// Whether a sparse column is part of sketches.
    pub fn has(&self, column: u32) -> bool {
        self.sketcher.places[column as usize] != NONE
    }

    /// The number of items, at least 1.
    pub fn items(&self) -> usize {
        self.items.len().max(1)
    }

    /// The number of cells.
    pub fn count(&self) -> usize {
        self.centroids.rows()
    }

    /// The items of a cell, ascending, and their sketches.
    pub fn cell(&self, cell: u32) -> (&[u32], &[f32]) {
        let range = self.starts[cell as usize]..self.starts[cell as usize + 1];
        let width = self.width();
        (&self.items[range.clone()], &self.sketches.data()[range.start * width..range.end * width])
    }

    /// The number of columns of a sketch.
    pub fn width(&self) -> usize {
        self.sketcher.sketched()
    }

    /// The cell nearest to each item of another set; [`NONE`] for one without a sketch.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn nearest(&self, items: &EncodedItems, observer: &dyn Observer) -> Result<Vec<u32>> {
        let all: Vec<u32> = (0..items.rows() as u32).collect();
        self.sketcher.nearest_centroids(items, &all, &self.centroids, observer)
    }

    /// The sketches of some items of another set, and their products with the centroids.
    pub fn rank(&self, items: &EncodedItems, numbers: &[u32], scratch: &mut CellScratch) {
        self.sketcher.write(items, numbers, &mut scratch.inputs, &mut scratch.sketches);
        scratch.ranks.resize(numbers.len() * self.count(), 0.0);
        scores(&scratch.sketches, self.centroids.data(), self.width(), &mut scratch.ranks);
    }

    /// Bytes of the cells of `items` items with `columns` dense columns, and of finding them on `threads` threads.
    pub fn memory(items: usize, columns: usize, threads: usize) -> u64 {
        let inputs = columns + MOST_COMMON;
        let sample = items.div_ceil(CELL_ITEMS) * SEEN_ITEMS;
        let finding = sample * (8 * SKETCH + 80) + 4 * (PARTS + 2) * SKETCH * inputs;
        let blocks = threads * BLOCK * 4 * (inputs + SKETCH + items.div_ceil(CELL_ITEMS) * 2);
        (items * (4 * SKETCH + 20) + finding + blocks) as u64
    }
}

/// Scratch space of a thread.
#[derive(Debug, Default)]
pub(super) struct CellScratch {
    inputs: Vec<f32>,
    /// The sketches of the items that were ranked last.
    pub sketches: Vec<f32>,
    /// Their products with the centroids, items × cells.
    pub ranks: Vec<f32>,
}

impl Sketcher {
    fn learn(items: &EncodedItems, lists: &SparseRows, observer: &dyn Observer) -> Result<Option<Self>> {
        let mut common: Vec<u32> = (0..lists.rows() as u32)
            .filter(|&column| lists.row_len(column as usize) > items.rows() / COMMON)
            .collect();
        common.sort_by_key(|&column| (std::cmp::Reverse(lists.row_len(column as usize)), column));
        common.truncate(MOST_COMMON);
        common.sort_unstable();
        let mut places = vec![NONE; lists.rows()];
        common.iter().enumerate().for_each(|(place, &column)| places[column as usize] = place as u32);
        let columns = [items.dense().columns(), common.len()];
        let mut sketcher = Self { places, columns, directions: None };
        match sketcher.inputs() {
            0 => return Ok(None),
            inputs if inputs > SKETCH => sketcher.directions = Some(sketcher.find(items, observer)?),
            _ => {}
        }
        Ok(Some(sketcher))
    }

    /// The number of columns that are sketched.
    fn inputs(&self) -> usize {
        self.columns[0] + self.columns[1]
    }

    /// The number of columns of a sketch.
    fn sketched(&self) -> usize {
        self.directions.as_ref().map_or(self.inputs(), Matrix::rows)
    }

    /// The directions of the largest squared length of a sample: `Q ← orthonormal(Q Zᵀ Z)`, from random ones.
    fn find(&self, items: &EncodedItems, observer: &dyn Observer) -> Result<Matrix> {
        let inputs = self.inputs();
        let sample = seed::sample((0..items.rows() as u32).collect(), SAMPLE, SEED);
        let mut random = seed::random(SEED, "directions of sketches");
        let mut rows = Matrix::zeros(SKETCH, inputs);
        rows.data_mut().iter_mut().for_each(|x| *x = random.r#gen::<f32>() - 0.5);
        orthonormalize(&mut rows);
        for _ in 0..ITERATIONS {
            let parts = sample.par_chunks(sample.len().div_ceil(PARTS).max(1)).map(|part| {
                let (mut sum, mut block) = (Matrix::zeros(SKETCH, inputs), Vec::new());
                let mut products = vec![0.0; BLOCK * SKETCH];
                for numbers in part.chunks(BLOCK) {
                    observer.check()?;
                    self.write_inputs(items, numbers, &mut block);
                    let products = &mut products[..numbers.len() * SKETCH];
                    scores(&block, rows.data(), inputs, products);
                    matmul(
                        MatMut::from_row_major_slice_mut(sum.data_mut(), SKETCH, inputs),
                        Accum::Add,
                        MatRef::from_row_major_slice(products, numbers.len(), SKETCH).transpose(),
                        MatRef::from_row_major_slice(&block, numbers.len(), inputs),
                        1.0,
                        Par::Seq,
                    );
                }
                Ok(sum)
            });
            let parts: Vec<Matrix> = parts.collect::<Result<_>>()?;
            rows = Matrix::zeros(SKETCH, inputs);
            for part in &parts {
                rows.data_mut().iter_mut().zip(part.data()).for_each(|(sum, value)| *sum += value);
            }
            observer.check()?;
            orthonormalize(&mut rows);
        }
        Ok(rows)
    }

    /// Writes the columns that are sketched, items × inputs.
    fn write_inputs(&self, items: &EncodedItems, numbers: &[u32], to: &mut Vec<f32>) {
        let [dense, inputs] = [self.columns[0], self.inputs()];
        to.clear();
        to.resize(numbers.len() * inputs, 0.0);
        for (&item, row) in numbers.iter().zip(to.chunks_mut(inputs)) {
            let item = item as usize;
            items.dense().write(item, &mut row[..dense]);
            let (columns, values) = items.sparse().row(item);
            for (&column, &value) in columns.iter().zip(values) {
                let place = self.places[column as usize];
                if place != NONE {
                    row[dense + place as usize] = value;
                }
            }
        }
    }

    /// Writes the sketches of some items, items × columns of a sketch.
    fn write(&self, items: &EncodedItems, numbers: &[u32], inputs: &mut Vec<f32>, sketches: &mut Vec<f32>) {
        match &self.directions {
            None => self.write_inputs(items, numbers, sketches),
            Some(directions) => {
                self.write_inputs(items, numbers, inputs);
                sketches.resize(numbers.len() * directions.rows(), 0.0);
                scores(inputs, directions.data(), directions.columns(), sketches);
            }
        }
    }

    fn sketches(&self, items: &EncodedItems, numbers: &[u32], observer: &dyn Observer) -> Result<Matrix> {
        let width = self.sketched();
        let mut sketches = Matrix::zeros(numbers.len(), width);
        let blocks = sketches.data_mut().par_chunks_mut(BLOCK * width).zip(numbers.par_chunks(BLOCK));
        blocks.try_for_each_init(
            || [Vec::new(), Vec::new()],
            |[inputs, own], (to, numbers)| {
                observer.check()?;
                self.write(items, numbers, inputs, own);
                to.copy_from_slice(own);
                Ok(())
            },
        )?;
        Ok(sketches)
    }

    /// The centroid with the largest product with each item's sketch; the first if several have it.
    fn nearest_centroids(
        &self,
        items: &EncodedItems,
        numbers: &[u32],
        centroids: &Matrix,
        observer: &dyn Observer,
    ) -> Result<Vec<u32>> {
        let (width, count) = (self.sketched(), centroids.rows());
        let mut nearest = vec![NONE; numbers.len()];
        let blocks = nearest.par_chunks_mut(BLOCK).zip(numbers.par_chunks(BLOCK));
        blocks.try_for_each_init(
            || [Vec::new(), Vec::new(), vec![0.0; BLOCK * count]],
            |[inputs, sketches, products], (to, numbers)| {
                observer.check()?;
                self.write(items, numbers, inputs, sketches);
                scores(sketches, centroids.data(), width, products);
                let rows = sketches.chunks(width).zip(products.chunks(count));
                for (to, (sketch, products)) in to.iter_mut().zip(rows) {
                    if sketch.iter().any(|&x| x != 0.0) {
                        let mut best = f32::NEG_INFINITY;
                        for (cell, &product) in products.iter().enumerate() {
                            if product > best {
                                (best, *to) = (product, cell as u32);
                            }
                        }
                    }
                }
                Ok(())
            },
        )?;
        Ok(nearest)
    }
}

/// Makes rows orthonormal (modified Gram–Schmidt, twice). A row that depends on those before it becomes zero.
fn orthonormalize(rows: &mut Matrix) {
    let columns = rows.columns();
    for row in 0..rows.rows() {
        let (before, rest) = rows.data_mut().split_at_mut(row * columns);
        let own = &mut rest[..columns];
        normalize(own);
        for _ in 0..2 {
            for other in before.chunks(columns) {
                let product = dot(own, other);
                own.iter_mut().zip(other).for_each(|(x, other)| *x -= product * other);
            }
        }
        // What rounding left of a row that depends on the others is no direction.
        if dot(own, own) < LEAST_LENGTH {
            own.fill(0.0);
        }
        normalize(own);
    }
}
