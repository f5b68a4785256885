//! The vectors z of many items, each of length one, or zero for an item of which nothing is known. Categories, bins and
//! terms are held sparse, and vectors dense, so that a cosine is the sum of two products.

use super::dense::DenseColumns;
use crate::error::{EngineError, Result};
use crate::interactions::SparseRows;
use crate::linalg::vector::dot;
use crate::observer::Observer;
use std::ops::Range;

/// Rows between two checks for cancellation.
const ROWS: usize = 1_024;

/// Z, items × m, as the two blocks of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedItems {
    sparse: SparseRows,
    dense: DenseColumns,
}

impl EncodedItems {
    /// Joins the sparse and the dense columns of the same items. A part without columns has no values.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the dense part has columns, but another number of rows.
    pub fn new(sparse: SparseRows, dense: impl Into<DenseColumns>) -> Result<Self> {
        let dense = dense.into();
        if dense.columns() > 0 && dense.rows() != sparse.rows() {
            return Err(EngineError::Shape {
                what: "rows of encoded items",
                expected: sparse.rows(),
                found: dense.rows(),
            });
        }
        Ok(Self { sparse, dense })
    }

    /// The number of items.
    pub fn rows(&self) -> usize {
        self.sparse.rows()
    }

    /// m, the number of columns: the sparse ones, then the dense ones.
    pub fn columns(&self) -> usize {
        self.sparse.width() + self.dense.columns()
    }

    /// The sparse columns.
    pub fn sparse(&self) -> &SparseRows {
        &self.sparse
    }

    /// The dense columns.
    pub fn dense(&self) -> &DenseColumns {
        &self.dense
    }

    /// Whether anything is known about an item, so that its vector has length one.
    pub fn is_known(&self, item: usize) -> bool {
        self.sparse.row_len(item) > 0 || !self.dense.is_zero(item)
    }

    /// The cosine of an item with an item of another set: its sparse rows are merged, its dense rows multiplied.
    pub fn cosine(&self, item: usize, others: &Self, other: usize) -> f32 {
        let dense = dot(&self.dense.row(item), &others.dense.row(other));
        sparse_product(self.sparse.row(item), others.sparse.row(other)) + dense
    }

    /// The part of [`Self::cosine`] that comes from some sparse and some dense columns.
    pub(super) fn product_of(
        &self,
        item: usize,
        others: &Self,
        other: usize,
        [sparse, dense]: &[Range<usize>; 2],
    ) -> f32 {
        let mut product = 0.0;
        if !sparse.is_empty() {
            product += sparse_product(self.sparse_part(item, sparse), others.sparse_part(other, sparse));
        }
        if !dense.is_empty() {
            let [own, other] = [self.dense.row(item), others.dense.row(other)];
            product += dot(&own[dense.clone()], &other[dense.clone()]);
        }
        product
    }

    /// The values of an item in some sparse columns.
    fn sparse_part(&self, item: usize, range: &Range<usize>) -> (&[u32], &[f32]) {
        let (columns, values) = self.sparse.row(item);
        let place = |bound: usize| columns.partition_point(|&column| (column as usize) < bound);
        let range = place(range.start)..place(range.end);
        (&columns[range.clone()], &values[range])
    }

    /// The items with the given numbers, in that order: a copy of the sparse columns, while vectors are shared.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if a number is too large, [`EngineError::Cancelled`].
    pub fn select(&self, items: &[u32], observer: &dyn Observer) -> Result<Self> {
        if let Some(&item) = items.iter().find(|&&item| item as usize >= self.rows()) {
            let (what, found) = ("items that are encoded", item as usize + 1);
            return Err(EngineError::Shape { what, expected: self.rows(), found });
        }
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for (place, &item) in items.iter().enumerate() {
            if place.is_multiple_of(ROWS) {
                observer.check()?;
            }
            let row = self.sparse.row(item as usize);
            columns.extend_from_slice(row.0);
            values.extend_from_slice(row.1);
            starts.push(columns.len());
        }
        let sparse = SparseRows::new(self.sparse.width(), starts, columns, values)?;
        Self::new(sparse, self.dense.select(items))
    }

    /// Bytes of memory in use, without vectors that are shared with the table.
    pub fn memory(&self) -> u64 {
        (8 * (self.sparse.rows() + 1 + self.sparse.entries()) + self.dense.memory()) as u64
    }
}

/// The product of two sparse rows with ascending columns.
fn sparse_product(a: (&[u32], &[f32]), b: (&[u32], &[f32])) -> f32 {
    let (mut sum, mut place) = (0.0, 0);
    for (&column, &value) in a.0.iter().zip(a.1) {
        while b.0.get(place).is_some_and(|&other| other < column) {
            place += 1;
        }
        if b.0.get(place) == Some(&column) {
            sum += value * b.1[place];
        }
    }
    sum
}
