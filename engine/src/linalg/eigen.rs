//! The eigenbasis of a Gramian, in which `α₀G + λI` is diagonal for every λ.

use crate::error::{EngineError, Result};
use crate::matrix::Matrix;
use crate::observer::Observer;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows rotated together; 512 × 128 input and output values fit into the L2 cache.
const BLOCK_ROWS: usize = 512;

/// `G = V diag(values) Vᵀ`.
#[derive(Clone, Debug)]
pub struct Eigenbasis {
    /// The eigenvalues, ascending and non-negative.
    pub values: Vec<f32>,
    /// `V`, k × k, row-major: column j is the j-th eigenvector.
    vectors: Vec<f32>,
}

impl Eigenbasis {
    /// Computes the eigenbasis of the symmetric k × k matrix `gram`, in `f64`.
    ///
    /// # Errors
    /// [`EngineError::NotFinite`] if `gram` holds NaN or infinity.
    pub fn of(gram: &[f64], k: usize) -> Result<Self> {
        let matrix = MatRef::from_row_major_slice(gram, k, k);
        let eigen = matrix
            .self_adjoint_eigen(faer::Side::Lower)
            .map_err(|_| EngineError::NotFinite { what: "the Gramian" })?;
        let values: Vec<f32> = (0..k).map(|j| eigen.S().column_vector()[j].max(0.0) as f32).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(EngineError::NotFinite { what: "the Gramian" });
        }
        let mut vectors = vec![0.0; k * k];
        for i in 0..k {
            for j in 0..k {
                vectors[i * k + j] = eigen.U()[(i, j)] as f32;
            }
        }
        Ok(Self { values, vectors })
    }

    /// `X V`: rotates the rows of `x` into this basis. Incomplete if `observer` requests cancellation.
    pub fn rotate(&self, x: &Matrix, observer: &dyn Observer) -> Matrix {
        self.multiply(x, false, observer)
    }

    /// `X Vᵀ`: rotates rows from this basis back into the original one. Incomplete if `observer` requests cancellation.
    pub fn rotate_back(&self, x: &Matrix, observer: &dyn Observer) -> Matrix {
        self.multiply(x, true, observer)
    }

    fn multiply(&self, x: &Matrix, transposed: bool, observer: &dyn Observer) -> Matrix {
        let k = x.columns();
        let mut result = Matrix::zeros(x.rows(), k);
        if k == 0 {
            return result;
        }
        let vectors = MatRef::from_row_major_slice(&self.vectors, k, k);
        let vectors = if transposed { vectors.transpose() } else { vectors };
        result.data_mut().par_chunks_mut(BLOCK_ROWS * k).zip(x.data().par_chunks(BLOCK_ROWS * k)).for_each(
            |(target, source)| {
                if observer.is_cancelled() {
                    return;
                }
                let rows = source.len() / k;
                matmul(
                    MatMut::from_row_major_slice_mut(target, rows, k),
                    Accum::Replace,
                    MatRef::from_row_major_slice(source, rows, k),
                    vectors,
                    1.0,
                    Par::Seq,
                );
            },
        );
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn rotation_keeps_products_and_makes_the_gramian_diagonal() {
        let k = 12;
        let data: Vec<f32> =
            (0..700 * k).map(|i| (crate::seed::mix(i as u64) >> 40) as f32 / 1e7 - 0.8).collect();
        let x = Matrix::from_data(k, data).unwrap();
        let basis = Eigenbasis::of(&crate::linalg::gram(&x), k).unwrap();
        let rotated = basis.rotate(&x, &Silent);
        let diagonal = crate::linalg::gram(&rotated);
        for i in 0..k {
            for j in 0..k {
                let expected = if i == j { f64::from(basis.values[i]) } else { 0.0 };
                assert!((diagonal[i * k + j] - expected).abs() < 1e-2, "{i} {j} {}", diagonal[i * k + j]);
            }
        }
        let back = basis.rotate_back(&rotated, &Silent);
        assert!(back.data().iter().zip(x.data()).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}
