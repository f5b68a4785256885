//! A dense row-major matrix of `f32`: the form of every factor matrix.
//! Kernels that work on it are in [`crate::linalg`].

use crate::error::{EngineError, Result};
use serde::{Deserialize, Serialize};

/// `rows × columns` values, row after row without padding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Matrix {
    columns: usize,
    data: Vec<f32>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { columns, data: vec![0.0; rows * columns] }
    }

    /// Takes `data` as rows of `columns` values.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the length is not a multiple of `columns`.
    pub fn from_data(columns: usize, data: Vec<f32>) -> Result<Self> {
        Rows::new(columns, &data)?;
        Ok(Self { columns, data })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.view().rows()
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Row `row` as a slice of `columns` values.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.columns..(row + 1) * self.columns]
    }

    /// Row `row`, mutable.
    #[inline(always)]
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.data[row * self.columns..(row + 1) * self.columns]
    }

    /// All values, row by row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All values, row by row, mutable.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Copies the rows with the given numbers, in that order.
    pub fn select(&self, rows: &[u32]) -> Self {
        self.view().select(rows)
    }

    /// A borrowed view of all rows.
    pub fn view(&self) -> Rows<'_> {
        Rows { columns: self.columns, data: &self.data }
    }
}

/// Borrowed rows of a matrix, from a [`Matrix`] or a mapped file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rows<'a> {
    columns: usize,
    data: &'a [f32],
}

impl<'a> Rows<'a> {
    /// Takes `data` as rows of `columns` values.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the length is not a multiple of `columns`.
    pub fn new(columns: usize, data: &'a [f32]) -> Result<Self> {
        if columns == 0 && !data.is_empty() || columns > 0 && !data.len().is_multiple_of(columns) {
            return Err(EngineError::Shape { what: "matrix data", expected: columns, found: data.len() });
        }
        Ok(Self { columns, data })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.data.len().checked_div(self.columns).unwrap_or(0)
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Row `row` as a slice of `columns` values.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.data[row * self.columns..(row + 1) * self.columns]
    }

    /// All values, row by row.
    pub fn data(&self) -> &'a [f32] {
        self.data
    }

    /// Copies the rows with the given numbers, in that order.
    pub fn select(&self, rows: &[u32]) -> Matrix {
        let mut data = Vec::with_capacity(rows.len() * self.columns);
        for &row in rows {
            data.extend_from_slice(self.row(row as usize));
        }
        Matrix { columns: self.columns, data }
    }
}

/// A deserialized matrix whose shape has not been checked yet.
#[derive(Deserialize)]
struct Unchecked {
    columns: usize,
    data: Vec<f32>,
}

impl TryFrom<Unchecked> for Matrix {
    type Error = EngineError;

    fn try_from(read: Unchecked) -> Result<Self> {
        Self::from_data(read.columns, read.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_survives_serialization_and_a_wrong_shape_does_not() {
        let matrix = Matrix::from_data(3, vec![1.0, -2.5, 0.1, 4.0, 5.0, f32::MAX]).unwrap();
        let bytes = postcard::to_stdvec(&matrix).unwrap();
        assert_eq!(postcard::from_bytes::<Matrix>(&bytes).unwrap(), matrix);
        for wrong in [r#"{"columns": 2, "data": [1, 2, 3]}"#, r#"{"columns": 0, "data": [1]}"#] {
            assert!(serde_json::from_str::<Matrix>(wrong).is_err(), "{wrong}");
        }
    }
}
