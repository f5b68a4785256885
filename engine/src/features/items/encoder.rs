//! All columns of a table of items as one vector: z = (√w_1 z_1, √w_2 z_2, …) / length, where z_b is the row of block b.
//! The cosine of two items of which all is known is the weighted mean of the cosines of their blocks.

use super::block::{Block, inverse};
use super::dense::{CentredVectors, DenseColumns};
use super::encoded::EncodedItems;
use super::weights::block_weights;
use crate::error::{EngineError, Result};
use crate::features::half_rows::HalfRows;
use crate::features::table::{Cell, Column, ColumnKind, Table, Values};
use crate::interactions::{Interactions, SparseRows};
use crate::matrix::Matrix;
use crate::observer::Observer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// Turns rows of a table of items into unit vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemEncoder {
    blocks: Vec<Block>,
    columns: Vec<ColumnWeight>,
}

/// What became of a column of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnWeight {
    /// The name of the column.
    pub name: String,
    /// The kind of its values.
    pub kind: ColumnKind,
    /// The share in the vectors; those of all columns sum to 1.
    pub weight: f64,
    /// Why the column has no share, worded as the end of a sentence.
    pub reason: Option<String>,
}

/// Rows per task.
const ROWS: usize = 256;
/// A block with a smaller weight than this share of all is left out: it would move no cosine by more, and least squares
/// gives as much to columns of noise.
const LEAST_WEIGHT: f64 = 0.01;

impl ItemEncoder {
    /// Learns blocks from all rows of a table, whose row i describes item i of the interactions, and their weights from
    /// the interactions. With too few items for that ([`super::weights`]), all blocks weigh the same.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the table has not one row per item, [`EngineError::Cancelled`].
    pub fn fit(
        table: &Table,
        interactions: &Interactions,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        if table.rows() != interactions.items() {
            let (what, found) = ("rows that describe items", table.rows());
            return Err(EngineError::Shape { what, expected: interactions.items(), found });
        }
        let learned: Vec<_> =
            table.columns().par_iter().map(|column| Block::fit(column, observer)).collect::<Result<_>>()?;
        let blocks = learned.iter().filter_map(|learned| learned.as_ref().ok().cloned()).collect();
        let mut encoder = Self { blocks, columns: Vec::new() };
        let found = match encoder.blocks.len() {
            0 => Vec::new(),
            _ => {
                let separate = encoder.write_all(table, false, observer)?;
                block_weights(&separate, &encoder.ranges(), interactions, seed, observer)?
                    .unwrap_or_else(|| vec![1.0; encoder.blocks.len()])
            }
        };
        let kept = kept_weights(found);
        let mut weights = kept.iter();
        for (column, learned) in table.columns().iter().zip(learned) {
            let (weight, reason) = match learned {
                Ok(_) => {
                    let weight = weights.next().copied().unwrap_or(0.0);
                    let useless = "does not say which items the same users choose";
                    (weight, (weight <= 0.0).then(|| useless.to_owned()))
                }
                Err(reason) => (0.0, Some(reason)),
            };
            let (name, kind) = (column.name.clone(), column.kind());
            encoder.columns.push(ColumnWeight { name, kind, weight, reason });
        }
        encoder.blocks.iter_mut().zip(&kept).for_each(|(block, &weight)| block.weight = weight);
        encoder.blocks.retain(|block| block.weight > 0.0);
        Ok(encoder)
    }

    /// The columns of the table that it was learned from, and the weight of each or why it has none.
    pub fn columns(&self) -> &[ColumnWeight] {
        &self.columns
    }

    /// The names of the columns that it reads.
    pub fn reads(&self) -> Vec<String> {
        self.blocks.iter().map(|block| block.name.clone()).collect()
    }

    /// The names of the columns that it reads as texts.
    pub fn reads_as_text(&self) -> Vec<String> {
        let texts = self.blocks.iter().filter(|block| block.kind == ColumnKind::Text);
        texts.map(|block| block.name.clone()).collect()
    }

    /// m, the number of columns of a vector; 0 if no column is of use.
    pub fn dimensions(&self) -> usize {
        let [sparse, dense] = self.widths();
        sparse + dense
    }

    /// Encodes every row. Columns are matched by name: a missing one is null in every row, an unknown one is ignored.
    ///
    /// # Errors
    /// [`EngineError::Column`] if a column is of another kind than the one learned from,
    /// [`EngineError::Cancelled`].
    pub fn encode(&self, table: &Table, observer: &dyn Observer) -> Result<EncodedItems> {
        self.write_all(table, true, observer)
    }

    /// Encodes one item from the cells of the columns of [`Self::reads`], in that order, with the same result as
    /// [`Self::encode`]. Cells of another kind, and those that are missing, are null.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if a vector has other dimensions than those learned from.
    pub fn encode_row(&self, cells: &[Cell<'_>]) -> Result<EncodedItems> {
        for (block, cell) in self.blocks.iter().zip(cells) {
            let found = match (block.kind, cell) {
                (ColumnKind::Vector, Cell::Vector(vector)) => vector.len(),
                (ColumnKind::SparseVector, Cell::SparseVector(vector)) => vector.dimensions,
                _ => continue,
            };
            let expected = block.dimensions();
            if expected != found {
                return Err(EngineError::Shape { what: "dimensions of a vector", expected, found });
            }
        }
        let [width, dense_width] = self.widths();
        let means = self.means();
        let (mut sparse, mut factors) = (Vec::new(), Vec::new());
        let mut dense = Matrix::zeros(1, dense_width);
        self.write(cells.iter().copied(), &means, true, &mut sparse, &mut factors, dense.data_mut())?;
        let mut first = 0;
        for (mean, factor) in means.iter().filter(|mean| !mean.is_empty()).zip(factors) {
            let own = &mut dense.data_mut()[first..first + mean.len()];
            own.iter_mut().for_each(|x| *x *= factor);
            first += mean.len();
        }
        let (columns, values) = sparse.into_iter().unzip::<u32, f32, Vec<_>, Vec<_>>();
        EncodedItems::new(SparseRows::new(width, vec![0, columns.len()], columns, values)?, dense)
    }

    /// Encodes the first row of a table, with the same result as [`Self::encode`], but on this thread alone. `None` if
    /// there is no row.
    ///
    /// # Errors
    /// [`EngineError::Column`] if a column is of another kind than the one learned from.
    pub fn encode_first(&self, table: &Table) -> Result<Option<EncodedItems>> {
        if table.rows() == 0 {
            return Ok(None);
        }
        let cell = |block| Ok(column(block, table)?.map_or(Cell::Null, |column| column.cell(0)));
        let cells: Vec<Cell<'_>> = self.blocks.iter().map(cell).collect::<Result<_>>()?;
        self.encode_row(&cells).map(Some)
    }

    /// Divides the cosine of an item with an item of another set among the columns of the table, of which the parts are
    /// the sum. Columns in which the two have nothing in common are left out.
    pub fn cosine_by_column(
        &self,
        items: &EncodedItems,
        item: usize,
        others: &EncodedItems,
        other: usize,
    ) -> Vec<(&str, f32)> {
        let blocks = self.blocks.iter().zip(self.ranges());
        let parts = blocks
            .map(|(block, columns)| (block.name.as_str(), items.product_of(item, others, other, &columns)));
        parts.filter(|(_, part)| *part != 0.0).collect()
    }

    /// Encodes it for storage.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        postcard::to_stdvec(self).map_err(|_| EngineError::Encoding { what: "columns of items" })
    }

    /// Decodes what [`Self::to_bytes`] encoded; `None` if the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// Bytes that encoding `rows` rows with `terms` categories and terms and `dense` columns of vectors takes, at the peak
    /// of [`Self::fit`]: the sparse columns, once more as they are written, a factor and a number per vector, which are
    /// shared with the table, and the pairs of [`super::weights`].
    pub fn memory(rows: usize, terms: usize, dense: usize) -> u64 {
        (2 * 8 * terms + 24 * rows + 16 * rows * dense) as u64 + super::weights::memory()
    }

    /// The numbers of sparse and of dense columns.
    fn widths(&self) -> [usize; 2] {
        [Block::sparse_columns, Block::dense_columns].map(|columns| self.blocks.iter().map(columns).sum())
    }

    /// The sparse and the dense columns of each block.
    fn ranges(&self) -> Vec<[Range<usize>; 2]> {
        let mut ends = [0; 2];
        let mut next = |block: &Block| {
            let starts = ends;
            ends = [starts[0] + block.sparse_columns(), starts[1] + block.dense_columns()];
            [starts[0]..ends[0], starts[1]..ends[1]]
        };
        self.blocks.iter().map(&mut next).collect()
    }

    /// The mean of each block, which is empty if its columns are sparse.
    fn means(&self) -> Vec<Arc<[f32]>> {
        self.blocks.iter().map(Block::mean).collect()
    }

    /// Encodes a table; blocks that are not `joined` have length one each.
    fn write_all(&self, table: &Table, joined: bool, observer: &dyn Observer) -> Result<EncodedItems> {
        let columns: Vec<Option<&Column>> =
            self.blocks.iter().map(|b| column(b, table)).collect::<Result<_>>()?;
        let (rows, [width, dense_width], means) = (table.rows(), self.widths(), self.means());
        let vectors: Vec<Option<Arc<HalfRows>>> = columns
            .iter()
            .zip(&means)
            .map(|(column, mean)| (!mean.is_empty()).then(|| halves(*column, mean.len(), rows)).transpose())
            .collect::<Result<_>>()?;
        let tasks = (0..rows.div_ceil(ROWS)).into_par_iter().map(|task| {
            observer.check()?;
            let (mut entries, mut ends, mut factors) = (Vec::new(), Vec::new(), Vec::new());
            let mut buffer = vec![0.0; dense_width];
            for row in task * ROWS..((task + 1) * ROWS).min(rows) {
                let cells = columns.iter().zip(&vectors).map(|(column, vectors)| match vectors {
                    Some(vectors) => vectors.row(row).map_or(Cell::Null, Cell::Halves),
                    None => column.map_or(Cell::Null, |column| column.cell(row)),
                });
                self.write(cells, &means, joined, &mut entries, &mut factors, &mut buffer)?;
                ends.push(entries.len());
            }
            Ok((entries, ends, factors))
        });
        let written = tasks.collect::<Result<Vec<(Vec<_>, Vec<usize>, Vec<f32>)>>>()?;
        let (mut starts, mut places, mut values) = (vec![0], Vec::new(), Vec::new());
        let dense = vectors.iter().flatten().count();
        let mut factors = vec![Vec::with_capacity(rows); dense];
        for (entries, ends, of_rows) in written {
            let first = places.len();
            starts.extend(ends.iter().map(|end| first + end));
            places.extend(entries.iter().map(|entry: &(u32, f32)| entry.0));
            values.extend(entries.iter().map(|entry| entry.1));
            for row in of_rows.chunks(dense.max(1)) {
                factors.iter_mut().zip(row).for_each(|(factors, &factor)| factors.push(factor));
            }
        }
        let means = means.into_iter().filter(|mean| !mean.is_empty());
        let blocks = vectors.into_iter().flatten().zip(means).zip(factors);
        let blocks = blocks.map(|((vectors, mean), factors)| CentredVectors { vectors, mean, factors });
        let dense = DenseColumns::shared(rows, blocks.collect());
        EncodedItems::new(SparseRows::new(width, starts, places, values)?, dense)
    }

    /// Encodes one cell per block: appends to `sparse` what is sparse, fills `dense` with vectors less their means, and
    /// appends to `factors` what each of these must be multiplied by.
    fn write<'a>(
        &self,
        cells: impl Iterator<Item = Cell<'a>>,
        means: &[Arc<[f32]>],
        joined: bool,
        sparse: &mut Vec<(u32, f32)>,
        factors: &mut Vec<f32>,
        dense: &mut [f32],
    ) -> Result<()> {
        let start = sparse.len();
        let [mut first, mut dense_first] = [0; 2];
        let mut lengths = Vec::new();
        let cells = cells.chain(std::iter::repeat(Cell::Null));
        for ((block, mean), cell) in self.blocks.iter().zip(means).zip(cells) {
            let length = if joined { block.weight.sqrt() } else { 1.0 };
            if mean.is_empty() {
                block.write(cell, length, first as u32, sparse);
            } else {
                let own = &mut dense[dense_first..dense_first + mean.len()];
                lengths.push((length, block.centred(cell, mean, own)?));
            }
            first += block.sparse_columns();
            dense_first += block.dense_columns();
        }
        let entries = &mut sparse[start..];
        let mut norm = 1.0;
        if joined {
            let known = lengths.iter().filter(|(_, own)| *own > 0.0).map(|(length, _)| *length);
            let values = entries.iter().map(|entry| f64::from(entry.1)).chain(known);
            norm = values.map(|x| x * x).sum::<f64>().sqrt();
            if norm > 0.0 {
                entries.iter_mut().for_each(|entry| entry.1 = (f64::from(entry.1) / norm) as f32);
            }
        }
        let factor = |(length, own): (f64, f64)| (length * inverse(own) * inverse(norm)) as f32;
        factors.extend(lengths.into_iter().map(factor));
        Ok(())
    }
}

/// The vectors of a column of items, at half precision: those that it holds, or a copy.
fn halves(column: Option<&Column>, columns: usize, rows: usize) -> Result<Arc<HalfRows>> {
    match column.map(|column| (column, &column.values)) {
        Some((_, Values::Halves(vectors))) => Ok(Arc::clone(vectors)),
        None => Ok(Arc::new(HalfRows::nulls(columns, rows))),
        Some((column, _)) => {
            let mut copy = HalfRows::new(columns);
            for row in 0..rows {
                match column.cell(row) {
                    Cell::Vector(vector) => copy.push(vector)?,
                    _ => copy.push_null()?,
                }
            }
            Ok(Arc::new(copy))
        }
    }
}

/// The table's column for a block; `None` if it is missing.
fn column<'a>(block: &Block, table: &'a Table) -> Result<Option<&'a Column>> {
    match table.column(&block.name) {
        Some(column) if !block.fits(column) => {
            let reason = format!("does not hold what it held at training: {}", block.takes());
            Err(EngineError::Column { column: column.name.clone(), reason })
        }
        column => Ok(column),
    }
}

/// Weights that sum to 1, without those that are too small to matter.
fn kept_weights(mut weights: Vec<f64>) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    weights.iter_mut().filter(|weight| **weight < LEAST_WEIGHT * total).for_each(|weight| *weight = 0.0);
    let total: f64 = weights.iter().sum();
    if total > 0.0 {
        weights.iter_mut().for_each(|weight| *weight /= total);
    }
    weights
}
