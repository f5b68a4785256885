//! EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"): every item is regressed on
//! all others at once. With `P = (RᵀR + λI)⁻¹` the weights are `w(i, j) = −P_ij / P_jj`, the diagonal zero.
//!
//! The inverse is computed in place by the sweep operator (Goodnight 1979), one block of pivots at a time, on the
//! upper triangle. It takes 4·items² bytes and items³/2 multiply-adds, as many as Cholesky followed by inversion, all
//! of them in matrix products between which the work can be cancelled.

use super::cooccurrence::{Incidence, add_later};
use super::model::Neighbours;
use super::options::PHASE;
use super::strongest::{Weighted, keep_strongest, sparse_rows};
use crate::error::{EngineError, Result};
use crate::interactions::Interactions;
use crate::linalg::cholesky::inverse_factor;
use crate::observer::{Observer, Progress};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// The number of pivots swept together.
const BLOCK: usize = 128;

impl Neighbours {
    /// Regresses every item on all others with the positive ridge `regularization`, and keeps the `kept` largest
    /// weights of every source. [`Self::ease_memory`] tells whether a catalogue fits.
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
        // `matrix` holds −P; compute its entries and the reciprocals of −P_jj.
        let entry = |i: usize, j: usize| matrix[i.min(j) * items + i.max(j)];
        let scales: Vec<f32> = (0..items).map(|item| -entry(item, item).recip()).collect();
        let rows: Vec<Vec<Weighted>> = (0..items)
            .into_par_iter()
            .map(|source| {
                observer.check()?;
                let weight = |target: usize| entry(source, target) * scales[target];
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

    /// Bytes at the peak of [`Self::ease`]: the matrix, two blocks of its rows, and 16 bytes per weight kept.
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
        add_later(&mut row[item..], Incidence::of_items(interactions), item, |_| 1.0, None, observer)
    })?;
    Ok(matrix)
}

/// Replaces the upper triangle of a positive definite n × n matrix by that of minus its inverse.
///
/// Sweeping the pivots K, `D = A_KK⁻¹` and `W = D A_K*`: `A_IJ −= A_KIᵀ W_J` for all I, J outside K,
/// then `A_K* = W`, `A_KK = −D`. After all blocks have been swept, −A⁻¹ is left. The matrix includes a ridge of
/// `least`, so no pivot can be smaller except by rounding.
fn invert(matrix: &mut [f32], n: usize, least: f64, observer: &dyn Observer) -> Result<()> {
    for (step, first) in (0..n).step_by(BLOCK).enumerate() {
        let count = BLOCK.min(n - first);
        let pivots = whole_rows(matrix, n, first, count);
        let inverse = inverse_of_pivots(&pivots, n, first, least);
        let pivots = MatRef::from_row_major_slice(&pivots, count, n);
        let mut product = vec![0.0; count * n];
        matmul(
            MatMut::from_row_major_slice_mut(&mut product, count, n),
            Accum::Replace,
            MatRef::from_row_major_slice(&inverse, count, count),
            pivots,
            1.0,
            Par::Seq,
        );
        let swept = MatRef::from_row_major_slice(&product, count, n);
        matrix.par_chunks_mut(BLOCK * n).enumerate().try_for_each(|(block, target)| {
            observer.check()?;
            let (top, rows) = (block * BLOCK, target.len() / n);
            if top == first {
                for (offset, row) in target.chunks_exact_mut(n).enumerate() {
                    row[top..].copy_from_slice(&product[offset * n + top..(offset + 1) * n]);
                    (0..count).for_each(|pivot| row[top + pivot] = -inverse[offset * count + pivot]);
                }
                return Ok(());
            }
            matmul(
                MatMut::from_row_major_slice_mut(target, rows, n).submatrix_mut(0, top, rows, n - top),
                Accum::Add,
                pivots.submatrix(0, top, count, rows).transpose(),
                swept.submatrix(0, top, count, n - top),
                -1.0,
                Par::Seq,
            );
            if top < first {
                for (offset, row) in target.chunks_exact_mut(n).enumerate() {
                    (0..count).for_each(|pivot| row[first + pivot] = product[pivot * n + top + offset]);
                }
            }
            Ok(())
        })?;
        observer.report(Progress::step(PHASE, step + 1, n.div_ceil(BLOCK)));
    }
    Ok(())
}

/// Expands `count` rows of a symmetric matrix from its upper triangle.
fn whole_rows(matrix: &[f32], n: usize, first: usize, count: usize) -> Vec<f32> {
    let mut rows = vec![0.0; count * n];
    rows.par_chunks_mut(n).enumerate().for_each(|(offset, row)| {
        let at = first + offset;
        (0..at).for_each(|above| row[above] = matrix[above * n + at]);
        row[at..].copy_from_slice(&matrix[at * n + at..(at + 1) * n]);
    });
    rows
}

/// Inverts, in `f64`, the square block of `rows` (count × n) that begins at column `first`.
fn inverse_of_pivots(rows: &[f32], n: usize, first: usize, least: f64) -> Vec<f32> {
    let count = rows.len() / n;
    let square: Vec<f64> = rows
        .chunks_exact(n)
        .flat_map(|row| row[first..first + count].iter().map(|&x| f64::from(x)))
        .collect();
    let factor = inverse_factor(&square, count, &vec![least; count]);
    let entry = |i: usize, j: usize| -> f64 {
        (i.max(j)..count).map(|k| factor[k * count + i] * factor[k * count + j]).sum()
    };
    (0..count * count).map(|at| entry(at / count, at % count) as f32).collect()
}
