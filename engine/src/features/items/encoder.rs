//! All columns of a table of items as one vector: z = (√w_1 z_1, √w_2 z_2, …) / length, where z_b is the row of block b.
//! The cosine of two items of which all is known is the weighted mean of the cosines of their blocks.

use super::block::Block;
use super::encoded::EncodedItems;
use super::weights::block_weights;
use crate::error::{EngineError, Result};
use crate::features::table::{Cell, Column, ColumnKind, Table};
use crate::interactions::{Interactions, SparseRows};
use crate::matrix::Matrix;
use crate::observer::Observer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

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
        let (mut sparse, mut dense) = (Vec::new(), Matrix::zeros(1, dense_width));
        self.write(cells.iter().copied(), true, &mut sparse, dense.data_mut());
        let (columns, values) = sparse.into_iter().unzip::<u32, f32, Vec<_>, Vec<_>>();
        EncodedItems::new(SparseRows::new(width, vec![0, columns.len()], columns, values)?, dense)
    }

    /// Bytes that encoding `rows` rows with `terms` categories and terms takes, at the peak of [`Self::fit`]: the
    /// vectors, once more as they are written, and the pairs of [`super::weights`].
    pub fn memory(rows: usize, terms: usize, dense_columns: usize) -> u64 {
        (2 * (8 * terms + 4 * rows * dense_columns) + 24 * rows) as u64 + super::weights::memory()
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

    /// Encodes a table; blocks that are not `joined` have length one each.
    fn write_all(&self, table: &Table, joined: bool, observer: &dyn Observer) -> Result<EncodedItems> {
        let columns: Vec<Option<&Column>> =
            self.blocks.iter().map(|b| column(b, table)).collect::<Result<_>>()?;
        let (rows, [width, dense_width]) = (table.rows(), self.widths());
        let mut dense = Matrix::zeros(rows, dense_width);
        // A matrix without columns has no chunks, so the tasks are counted by rows.
        let mut blank = vec![Vec::new(); rows.div_ceil(ROWS)];
        let mut chunks: Vec<&mut [f32]> = match dense_width {
            0 => blank.iter_mut().map(Vec::as_mut_slice).collect(),
            _ => dense.data_mut().chunks_mut(ROWS * dense_width).collect(),
        };
        let tasks = chunks.par_iter_mut().enumerate().map(|(task, dense)| {
            observer.check()?;
            let (mut entries, mut ends) = (Vec::new(), Vec::new());
            for row in task * ROWS..((task + 1) * ROWS).min(rows) {
                let place = (row - task * ROWS) * dense_width;
                let cells = columns.iter().map(|c| c.map_or(Cell::Null, |c| c.cell(row)));
                self.write(cells, joined, &mut entries, &mut dense[place..place + dense_width]);
                ends.push(entries.len());
            }
            Ok((entries, ends))
        });
        let written = tasks.collect::<Result<Vec<(Vec<_>, Vec<usize>)>>>()?;
        let (mut starts, mut places, mut values) = (vec![0], Vec::new(), Vec::new());
        for (entries, ends) in written {
            let first = places.len();
            starts.extend(ends.iter().map(|end| first + end));
            places.extend(entries.iter().map(|entry: &(u32, f32)| entry.0));
            values.extend(entries.iter().map(|entry| entry.1));
        }
        EncodedItems::new(SparseRows::new(width, starts, places, values)?, dense)
    }

    /// Encodes one cell per block, appending to `sparse` and filling `dense`.
    fn write<'a>(
        &self,
        cells: impl Iterator<Item = Cell<'a>>,
        joined: bool,
        sparse: &mut Vec<(u32, f32)>,
        dense: &mut [f32],
    ) {
        let start = sparse.len();
        let [mut first, mut dense_first] = [0; 2];
        for (block, cell) in self.blocks.iter().zip(cells) {
            let own = &mut dense[dense_first..dense_first + block.dense_columns()];
            let length = if joined { block.weight.sqrt() } else { 1.0 };
            block.write(cell, length, first as u32, sparse, own);
            first += block.sparse_columns();
            dense_first += block.dense_columns();
        }
        if joined {
            let entries = &mut sparse[start..];
            let values = || entries.iter().map(|entry| entry.1).chain(dense.iter().copied());
            let norm = values().map(|x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
            if norm > 0.0 {
                let values = entries.iter_mut().map(|entry| &mut entry.1).chain(dense.iter_mut());
                values.for_each(|x| *x = (f64::from(*x) / norm) as f32);
            }
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
