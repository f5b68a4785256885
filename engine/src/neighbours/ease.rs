//! EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"): every item is regressed on
//! all others at once. With `P = (RᵀR + λI)⁻¹` the weights are `w(i, j) = −P_ij / P_jj`, the diagonal zero.
//!
//! The inverse is found in place by the sweep operator (Goodnight 1979), a block of pivots at a time, on
//! the upper triangle: items³/2 multiply-adds, as many as Cholesky and its inverse, all in matrix
//! products that can be left between any two; 4·items² bytes.

use super::cooccurrence::add_later;
use super::model::{Neighbours, PHASE};
use super::strongest::{Weighted, keep_strongest, sparse_rows};
use crate::error::{EngineError, Result};
use crate::interactions::Interactions;
use crate::linalg::cholesky::inverse_factor;
use crate::observer::{Observer, Progress};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Pivots that are swept together.
const BLOCK: usize = 128;

impl Neighbours {
    /// Regresses every item on all others, with ridge `regularization` (positive); the `kept` largest
    /// weights of every source are kept. Take [`Self::ease_memory`] bytes into account first.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], [`EngineError::NotFinite`].
    pub fn ease(
        interactions: &Interactions,
        regularization: f64,
        kept: usize,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let items = interactions.items();
        let mut matrix = gram(interactions, regularization as f32, observer)?;
        invert(&mut matrix, items, regularization, observer)?;
        let negative = |i: usize, j: usize| matrix[i.min(j) * items + i.max(j)];
        let rows: Vec<Vec<Weighted>> = (0..items)
            .into_par_iter()
            .map(|source| {
                observer.check()?;
                let weight = |target| -negative(source, target) / negative(target, target);
                let targets = (0..items).filter(|&target| target != source);
                let mut weights: Vec<Weighted> =
                    targets.map(|target| (target as u32, weight(target))).filter(|w| w.1 != 0.0).collect();
                if weights.iter().any(|weighted| !weighted.1.is_finite()) {
                    return Err(EngineError::NotFinite { what: "neighbours" });
                }
                keep_strongest(&mut weights, kept);
                weights.shrink_to_fit();
                Ok(weights)
            })
            .collect::<Result<_>>()?;
        Self::from_rows(sparse_rows(rows, items)?)
    }

    /// Bytes at the peak of [`Self::ease`]: the matrix, a copy of a block of its rows, its product with
    /// the pivots.
    pub fn ease_memory(items: usize) -> u64 {
        4 * items as u64 * (items + 2 * BLOCK) as u64
    }
}

/// The upper triangle of `RᵀR + ridge·I`.
fn gram(interactions: &Interactions, ridge: f32, observer: &dyn Observer) -> Result<Vec<f32>> {
    let items = interactions.items();
    let mut matrix = vec![0.0; items * items];
    matrix.par_chunks_mut(items.max(1)).enumerate().try_for_each(|(item, row)| {
        row[item] = ridge;
        add_later(&mut row[item..], interactions, item, |_| 1.0, observer)
    })?;
    Ok(matrix)
}

/// Turns the upper triangle of a positive definite n × n matrix into that of minus its inverse.
///
/// Sweeping the pivots K, `D = A_KK⁻¹` and `W = D A_K*`: `A_IJ −= A_KIᵀ W_J` for all I, J outside K,
/// then `A_K* = W`, `A_KK = −D`. Once every block was swept, −A⁻¹ is left. The matrix carries a ridge of
/// `least`, so no pivot is below it but for rounding.
fn invert(matrix: &mut [f32], n: usize, least: f64, observer: &dyn Observer) -> Result<()> {
    let steps = n.div_ceil(BLOCK);
    for step in 0..steps {
        let first = step * BLOCK;
        let count = BLOCK.min(n - first);
        // A_K*, whole rows: left of the diagonal it stands in the columns above.
        let mut pivots = vec![0.0; count * n];
        pivots.par_chunks_mut(n).enumerate().for_each(|(offset, row)| {
            let pivot = first + offset;
            (0..pivot).for_each(|j| row[j] = matrix[j * n + pivot]);
            row[pivot..].copy_from_slice(&matrix[pivot * n + pivot..(pivot + 1) * n]);
        });
        let square: Vec<f64> =
            (0..count * count).map(|at| f64::from(pivots[at / count * n + first + at % count])).collect();
        let factor = inverse_factor(&square, count, &vec![least; count]);
        let mut inverse = vec![0.0f32; count * count];
        for i in 0..count {
            for j in 0..count {
                let sum: f64 = (i.max(j)..count).map(|k| factor[k * count + i] * factor[k * count + j]).sum();
                inverse[i * count + j] = sum as f32;
            }
        }
        let mut product = vec![0.0; count * n];
        matmul(
            MatMut::from_row_major_slice_mut(&mut product, count, n),
            Accum::Replace,
            MatRef::from_row_major_slice(&inverse, count, count),
            MatRef::from_row_major_slice(&pivots, count, n),
            1.0,
            Par::Seq,
        );
        let (pivots_ref, product_ref) = (
            MatRef::from_row_major_slice(&pivots, count, n),
            MatRef::from_row_major_slice(&product, count, n),
        );
        matrix.par_chunks_mut(BLOCK * n).enumerate().try_for_each(|(block, target)| {
            observer.check()?;
            let top = block * BLOCK;
            let rows = target.len() / n;
            if block == step {
                for offset in 0..rows {
                    let row = &mut target[offset * n..(offset + 1) * n];
                    row[first + offset..]
                        .copy_from_slice(&product[offset * n + first + offset..(offset + 1) * n]);
                    row[first + offset..first + count]
                        .iter_mut()
                        .zip(&inverse[offset * count + offset..])
                        .for_each(|(value, inverse)| *value = -inverse);
                }
                return Ok(());
            }
            let columns = n - top;
            matmul(
                MatMut::from_row_major_slice_mut(target, rows, n).submatrix_mut(0, top, rows, columns),
                Accum::Add,
                pivots_ref.submatrix(0, top, count, rows).transpose(),
                product_ref.submatrix(0, top, count, columns),
                -1.0,
                Par::Seq,
            );
            // The columns of the pivots themselves, above the diagonal.
            if block < step {
                for offset in 0..rows {
                    for pivot in 0..count {
                        target[offset * n + first + pivot] = product[pivot * n + top + offset];
                    }
                }
            }
            Ok(())
        })?;
        observer.report(Progress::step(PHASE, step + 1, steps));
    }
    Ok(())
}
