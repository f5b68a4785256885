//! The dense columns of many items: a matrix, or vectors at half precision that are shared with the table of items, of
//! which a row is decoded when it is needed. So there is one copy of a million embeddings, however often they are encoded.

use crate::features::half_rows::{HalfRow, HalfRows};
use crate::linalg::vector::dot;
use crate::matrix::Matrix;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// The dense columns, items × columns.
#[derive(Clone, Debug)]
pub struct DenseColumns {
    columns: usize,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Matrix(Matrix),
    /// Vectors side by side.
    Shared {
        /// The row of each item in the vectors.
        rows: Vec<u32>,
        blocks: Vec<CentredVectors>,
    },
}

/// Vectors less their mean, times a factor.
#[derive(Clone, Debug)]
pub(super) struct CentredVectors {
    pub vectors: Arc<HalfRows>,
    pub mean: Arc<[f32]>,
    /// The factor of each item; 0 if it has no vector.
    pub factors: Vec<f32>,
}

/// A row whose products with many items are computed.
#[derive(Clone, Debug)]
pub struct DenseQuery {
    values: Vec<f32>,
    /// The product of the mean of each block with the row.
    of_means: Vec<f32>,
}

impl CentredVectors {
    /// Writes the row of an item, which is `row` in the vectors.
    fn write(&self, item: usize, row: u32, to: &mut [f32]) {
        match self.vectors.row(row as usize) {
            Some(vector) if self.factors[item] != 0.0 => {
                write_centred(vector, &self.mean, to);
                to.iter_mut().for_each(|x| *x *= self.factors[item]);
            }
            _ => to.fill(0.0),
        }
    }
}

/// Writes a vector less a mean.
pub(super) fn write_centred(vector: HalfRow<'_>, mean: &[f32], to: &mut [f32]) {
    vector.read(to);
    to.iter_mut().zip(mean).for_each(|(x, mean)| *x -= mean);
}

impl DenseColumns {
    /// Columns side by side of `rows` items.
    pub(super) fn shared(rows: usize, blocks: Vec<CentredVectors>) -> Self {
        let columns = blocks.iter().map(|block| block.mean.len()).sum();
        Self { columns, form: Form::Shared { rows: (0..rows as u32).collect(), blocks } }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of items; 0 if there are no columns.
    pub fn rows(&self) -> usize {
        match &self.form {
            Form::Matrix(matrix) => matrix.rows(),
            Form::Shared { .. } if self.columns == 0 => 0,
            Form::Shared { rows, .. } => rows.len(),
        }
    }

    /// Whether all values of an item are zero.
    pub fn is_zero(&self, item: usize) -> bool {
        match &self.form {
            Form::Matrix(matrix) => matrix.row(item).iter().all(|&value| value == 0.0),
            Form::Shared { blocks, .. } => blocks.iter().all(|block| block.factors[item] == 0.0),
        }
    }

    /// Writes the values of an item to a slice of as many.
    pub fn write(&self, item: usize, to: &mut [f32]) {
        match &self.form {
            Form::Matrix(matrix) => to.copy_from_slice(matrix.row(item)),
            Form::Shared { rows, blocks } => {
                let mut first = 0;
                for block in blocks {
                    let end = first + block.mean.len();
                    block.write(item, rows[item], &mut to[first..end]);
                    first = end;
                }
            }
        }
    }

    /// The values of an item.
    pub fn row(&self, item: usize) -> Cow<'_, [f32]> {
        match &self.form {
            Form::Matrix(matrix) => Cow::Borrowed(matrix.row(item)),
            Form::Shared { .. } => {
                let mut row = vec![0.0; self.columns];
                self.write(item, &mut row);
                Cow::Owned(row)
            }
        }
    }

    /// The values of some items, row by row, in a buffer that is filled if they must be decoded.
    pub fn block<'a>(&'a self, items: Range<usize>, buffer: &'a mut Vec<f32>) -> &'a [f32] {
        match &self.form {
            Form::Matrix(matrix) => &matrix.data()[items.start * self.columns..items.end * self.columns],
            Form::Shared { .. } => {
                buffer.resize(items.len() * self.columns, 0.0);
                for (item, row) in items.zip(buffer.chunks_mut(self.columns.max(1))) {
                    self.write(item, row);
                }
                buffer
            }
        }
    }

    /// Prepares a row for [`Self::product`].
    pub fn query(&self, values: Vec<f32>) -> DenseQuery {
        let mut of_means = Vec::new();
        if let Form::Shared { blocks, .. } = &self.form {
            let mut first = 0;
            for block in blocks {
                of_means.push(dot(&block.mean, &values[first..]));
                first += block.mean.len();
            }
        }
        DenseQuery { values, of_means }
    }

    /// The product of an item's row with a prepared one. The buffer has as many values as there are columns.
    pub fn product(&self, query: &DenseQuery, item: usize, buffer: &mut [f32]) -> f32 {
        match &self.form {
            Form::Matrix(matrix) => dot(matrix.row(item), &query.values),
            Form::Shared { rows, blocks } => {
                let (mut sum, mut first) = (0.0, 0);
                for (block, of_mean) in blocks.iter().zip(&query.of_means) {
                    let range = first..first + block.mean.len();
                    first = range.end;
                    let factor = block.factors[item];
                    if factor != 0.0
                        && let Some(vector) = block.vectors.row(rows[item] as usize)
                    {
                        let product = vector.product(&query.values[range.clone()], &mut buffer[range]);
                        sum += factor * (product - of_mean);
                    }
                }
                sum
            }
        }
    }

    /// The items with the given numbers, in that order, which share the vectors.
    #[must_use]
    pub fn select(&self, items: &[u32]) -> Self {
        let form = match &self.form {
            Form::Matrix(matrix) => Form::Matrix(matrix.select(items)),
            Form::Shared { rows, blocks } => {
                let of_block = |block: &CentredVectors| CentredVectors {
                    vectors: Arc::clone(&block.vectors),
                    mean: Arc::clone(&block.mean),
                    factors: items.iter().map(|&item| block.factors[item as usize]).collect(),
                };
                Form::Shared {
                    rows: items.iter().map(|&item| rows[item as usize]).collect(),
                    blocks: blocks.iter().map(of_block).collect(),
                }
            }
        };
        Self { columns: self.columns, form }
    }

    /// Bytes of memory in use, without vectors that are shared.
    pub fn memory(&self) -> usize {
        match &self.form {
            Form::Matrix(matrix) => 4 * matrix.data().len(),
            Form::Shared { rows, blocks } => 4 * rows.len() * (1 + blocks.len()),
        }
    }
}

impl From<Matrix> for DenseColumns {
    fn from(matrix: Matrix) -> Self {
        Self { columns: matrix.columns(), form: Form::Matrix(matrix) }
    }
}

impl PartialEq for DenseColumns {
    /// Columns are equal if their values are, however these are held.
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns
            && self.rows() == other.rows()
            && (0..self.rows()).all(|item| self.row(item) == other.row(item))
    }
}
