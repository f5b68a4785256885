//! A dense row-major matrix of `f32`: the form of every factor matrix. Kernels that work on it are in [`crate::linalg`].
//!
//! It is an [`Array2`] that is known to be row-major and contiguous: kernels read blocks of rows as one slice. An array may
//! be transposed or strided, so every kernel would have to check its layout, or copy. Arrays are converted here, without a
//! copy if they are row-major.

use crate::error::{EngineError, Result};
use ndarray::{Array2, ArrayView2};
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

impl From<Array2<f32>> for Matrix {
    /// Copies values that do not lie row after row.
    fn from(array: Array2<f32>) -> Self {
        let (columns, count) = (array.ncols(), array.len());
        if !array.is_standard_layout() {
            return Self { columns, data: array.iter().copied().collect() };
        }
        // An array may be a part of the values that it owns.
        let (mut data, first) = array.into_raw_vec_and_offset();
        data.drain(..first.unwrap_or(0));
        data.truncate(count);
        Self { columns, data }
    }
}

impl From<Matrix> for Array2<f32> {
    fn from(matrix: Matrix) -> Self {
        let shape = (matrix.rows(), matrix.columns);
        Self::from_shape_vec(shape, matrix.data).unwrap_or_else(|_| Self::zeros(shape))
    }
}

impl<'a> From<Rows<'a>> for ArrayView2<'a, f32> {
    fn from(rows: Rows<'a>) -> Self {
        let shape = (rows.rows(), rows.columns);
        Self::from_shape(shape, rows.data).unwrap_or_else(|_| Self::from(&[] as &[[f32; 0]]))
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
    use ndarray::{Axis, Slice, array};

    #[test]
    fn arrays_of_any_layout_become_rows_and_back() {
        let array = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let matrix = Matrix::from(array.clone());
        assert_eq!((matrix.row(1), matrix.columns()), (&[4.0, 5.0, 6.0][..], 3));
        assert_eq!(ArrayView2::from(matrix.view()), array);
        assert_eq!(Array2::from(matrix), array);
        let turned = Matrix::from(array.clone().reversed_axes());
        assert_eq!((turned.rows(), turned.row(2)), (3, &[3.0, 6.0][..]));
        let mut part = array.clone();
        part.slice_axis_inplace(Axis(0), Slice::from(1..));
        assert_eq!(Matrix::from(part.clone()).data(), [4.0, 5.0, 6.0]);
        part.slice_axis_inplace(Axis(1), Slice::new(0, None, 2));
        assert_eq!(Matrix::from(part).data(), [4.0, 6.0]);
        assert_eq!(Array2::from(Matrix::zeros(0, 0)).dim(), (0, 0));
    }

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
