//! Item factors as a linear map of content, learned from warm items: `q̂ = Wᵀz` with
//! `W = (ZᵀDZ + l·(tr/m)·I)⁻¹ ZᵀDQ`, D = d/(d + 10), tr the trace of ZᵀDZ. A ridge regression in which an item counts the
//! more the more its own factors are worth, and whose ridge is in units of the mean of the columns' squares.
//!
//! The Gramian takes, per item, e²/2 multiply-adds for its e sparse entries and e·c for these with its c dense columns,
//! besides c²/2 in matrix products; the solve m³/6 + m²·k.

use crate::error::{EngineError, Result};
use crate::features::EncodedItems;
use crate::interactions::Interactions;
use crate::linalg::cholesky::{factorize, solve};
use crate::linalg::{observed_gram, padded};
use crate::matrix::Matrix;
use crate::observer::Observer;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// l, the ridge in units of the mean diagonal.
const RIDGE: f64 = 0.3;
/// Users at which an item's factors count half.
pub(super) const HALF_USERS: f64 = 10.0;
/// The most columns that are mapped: 50 MB and some tenths of a second. More are cut to those with the largest Σ D z²,
/// which are the common terms. Of the 1,257 columns of Online Retail without embeddings, 1,024, 512 and 256 chosen so
/// reach ndcg@20 .297, .274 and .243 on cold items instead of .302; as many random projections .248, .205 and .168.
const MOST_COLUMNS: usize = 2_048;
/// Items between two checks for cancellation, and in one product.
const ITEMS: usize = 1_024;
/// Items whose dense columns are decoded and multiplied together.
const PART: usize = 4_096;
/// The place of a column that is not mapped.
const NONE: u32 = u32::MAX;

/// A map from content to factors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactorMap {
    /// The numbers of the mapped columns, ascending: the sparse ones, then the dense ones.
    columns: Vec<u32>,
    /// The number of columns of the content.
    width: usize,
    /// W, mapped columns × k.
    weights: Matrix,
}

/// D, the weight of an item in the regression.
pub(super) fn item_weight(users: usize) -> f64 {
    users as f64 / (users as f64 + HALF_USERS)
}

impl FactorMap {
    /// Learns a map to the factors of the items (items × k). Items without events, whose factors mean nothing, and items
    /// of which nothing is known do not count.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the inputs describe different numbers of items, [`EngineError::NotFinite`],
    /// [`EngineError::Cancelled`].
    pub fn fit(
        items: &EncodedItems,
        interactions: &Interactions,
        factors: &Matrix,
        observer: &dyn Observer,
    ) -> Result<Self> {
        Self::fit_columns(items, interactions, factors, MOST_COLUMNS, observer)
    }

    /// As [`Self::fit`], with at most so many columns.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn fit_columns(
        items: &EncodedItems,
        interactions: &Interactions,
        factors: &Matrix,
        most_columns: usize,
        observer: &dyn Observer,
    ) -> Result<Self> {
        for (what, found) in [("items of events", interactions.items()), ("items of factors", factors.rows())]
        {
            if found != items.rows() {
                return Err(EngineError::Shape { what, expected: items.rows(), found });
            }
        }
        let by_item = interactions.by_item();
        let weights: Vec<f64> = (0..items.rows()).map(|item| item_weight(by_item.row_len(item))).collect();
        let columns = strongest_columns(items, &weights, most_columns, observer)?;
        let system = System::sum(items, &weights, &columns, factors, observer)?;
        let weights = system.solve(observer)?;
        Ok(Self { columns, width: items.columns(), weights })
    }

    /// The number of factors.
    pub fn factors(&self) -> usize {
        self.weights.columns()
    }

    /// q̂ of every item, items × k; zero for an item of which nothing is known.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the items have other columns than those learned from, [`EngineError::Cancelled`].
    pub fn item_factors(&self, items: &EncodedItems, observer: &dyn Observer) -> Result<Matrix> {
        if items.columns() != self.width {
            let (what, found) = ("columns of content", items.columns());
            return Err(EngineError::Shape { what, expected: self.width, found });
        }
        let (places, k) = (places(&self.columns, self.width), self.factors());
        let mut factors = Matrix::zeros(items.rows(), k);
        if k > 0 {
            factors.data_mut().par_chunks_mut(k).enumerate().try_for_each(|(item, target)| {
                observer.check()?;
                for (column, value) in entries(items, item) {
                    if places[column] != NONE && value != 0.0 {
                        let row = self.weights.row(places[column] as usize);
                        target.iter_mut().zip(row).for_each(|(sum, weight)| *sum += value * weight);
                    }
                }
                Ok(())
            })?;
        }
        Ok(factors)
    }

    /// An upper estimate of the bytes at the peak of [`Self::fit`].
    pub fn memory(items: usize, columns: usize, dense_columns: usize, k: usize) -> u64 {
        let mapped = columns.min(MOST_COLUMNS);
        let part = 4 * items.min(PART) * dense_columns.min(mapped);
        // The Gramian of a part is summed in eight.
        let gramians = 8 * (8 + 2) * dense_columns.min(mapped) * dense_columns.min(mapped);
        let (dense, system) = (part + gramians, 12 * padded(mapped) * padded(mapped));
        (dense + system + 8 * dense_columns * dense_columns + 16 * mapped * k + 8 * items + 4 * columns)
            as u64
    }
}

/// The columns and values of an item, sparse ones first.
fn entries(items: &EncodedItems, item: usize) -> impl Iterator<Item = (usize, f32)> {
    let (columns, values) = items.sparse().row(item);
    let first = items.sparse().width();
    let sparse = columns.iter().map(|&column| column as usize).zip(values.iter().copied());
    let dense = items.dense().row(item).into_owned();
    sparse.chain(dense.into_iter().enumerate().map(move |(n, value)| (first + n, value)))
}

/// The place of each of `width` columns among the mapped ones.
fn places(columns: &[u32], width: usize) -> Vec<u32> {
    let mut places = vec![NONE; width];
    for (place, &column) in columns.iter().enumerate() {
        places[column as usize] = place as u32;
    }
    places
}

/// The `most` columns with the largest Σ D z², ascending; ties go to the lower column.
fn strongest_columns(
    items: &EncodedItems,
    weights: &[f64],
    most: usize,
    observer: &dyn Observer,
) -> Result<Vec<u32>> {
    let mut columns: Vec<u32> = (0..items.columns() as u32).collect();
    if columns.len() <= most {
        return Ok(columns);
    }
    let mut squares = vec![0.0f64; items.columns()];
    for (item, weight) in weights.iter().enumerate() {
        if item.is_multiple_of(ITEMS) {
            observer.check()?;
        }
        for (column, value) in entries(items, item) {
            squares[column] += weight * f64::from(value).powi(2);
        }
    }
    columns.sort_by(|&a, &b| squares[b as usize].total_cmp(&squares[a as usize]));
    columns.truncate(most);
    columns.sort_unstable();
    Ok(columns)
}

/// The normal equations.
struct System {
    /// m, the number of mapped columns.
    columns: usize,
    /// The upper triangle of ZᵀDZ, m × m.
    gram: Vec<f64>,
    /// ZᵀDQ, m × k.
    right: Vec<f64>,
    k: usize,
}

impl System {
    fn sum(
        items: &EncodedItems,
        weights: &[f64],
        columns: &[u32],
        factors: &Matrix,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let (m, k, width) = (columns.len(), factors.columns(), items.sparse().width());
        let places = places(columns, items.columns());
        let dense_columns: Vec<usize> =
            columns.iter().filter(|&&c| c as usize >= width).map(|&c| c as usize - width).collect();
        let first_dense = m - dense_columns.len();
        let mut system = Self { columns: m, gram: vec![0.0; m * m], right: vec![0.0; m * k], k };
        // √D z, the mapped dense columns of a part of the items, so that their Gramian is one of a matrix.
        for start in (0..items.rows()).step_by(PART) {
            let part = start..(start + PART).min(items.rows());
            let rows = if dense_columns.is_empty() { 0 } else { part.len() };
            let mut dense = Matrix::zeros(rows, dense_columns.len());
            for item in part.clone() {
                if item.is_multiple_of(ITEMS) {
                    observer.check()?;
                }
                let weight = weights[item];
                if weight == 0.0 {
                    continue;
                }
                let own = items.dense().row(item);
                if rows > 0 {
                    let columns = dense.row_mut(item - start).iter_mut().zip(&dense_columns);
                    columns.for_each(|(x, &c)| *x = (weight.sqrt() * f64::from(own[c])) as f32);
                }
                let (sparse, values) = items.sparse().row(item);
                let mapped = sparse.iter().zip(values).filter(|(c, _)| places[**c as usize] != NONE);
                let mapped: Vec<(usize, f64)> =
                    mapped.map(|(&c, &value)| (places[c as usize] as usize, f64::from(value))).collect();
                for (n, &(place, value)) in mapped.iter().enumerate() {
                    let row = &mut system.gram[place * m..(place + 1) * m];
                    mapped[n..].iter().for_each(|&(other, second)| row[other] += weight * value * second);
                    let scale = weight * value;
                    for (sum, &column) in row[first_dense..].iter_mut().zip(&dense_columns) {
                        *sum += scale * f64::from(own[column]);
                    }
                    let right = &mut system.right[place * k..(place + 1) * k];
                    for (sum, &factor) in right.iter_mut().zip(factors.row(item)) {
                        *sum += scale * f64::from(factor);
                    }
                }
            }
            system.add_dense(&dense, (weights, factors, start), first_dense, observer)?;
        }
        Ok(system)
    }

    /// Adds the products of the dense columns of the items from `start` on with each other and with the factors.
    fn add_dense(
        &mut self,
        dense: &Matrix,
        (weights, factors, start): (&[f64], &Matrix, usize),
        first: usize,
        observer: &dyn Observer,
    ) -> Result<()> {
        let (c, k, m) = (dense.columns(), self.k, self.columns);
        if c == 0 || k == 0 {
            return Ok(());
        }
        let gram = observed_gram(dense, observer);
        observer.check()?;
        for (row, sums) in gram.chunks(c).enumerate() {
            let own = &mut self.gram[(first + row) * m + first..(first + row + 1) * m];
            own.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
        }
        let mut product = vec![0.0f32; c * k];
        for (block, rows) in dense.data().chunks(ITEMS * c).enumerate() {
            observer.check()?;
            let (start, count) = (start + block * ITEMS, rows.len() / c);
            let scaled: Vec<f32> = (start..start + count)
                .flat_map(|item| {
                    let weight = weights[item].sqrt();
                    factors.row(item).iter().map(move |&q| (weight * f64::from(q)) as f32)
                })
                .collect();
            matmul(
                MatMut::from_row_major_slice_mut(&mut product, c, k),
                Accum::Replace,
                MatRef::from_row_major_slice(rows, count, c).transpose(),
                MatRef::from_row_major_slice(&scaled, count, k),
                1.0,
                Par::Seq,
            );
            let right = self.right[first * k..].iter_mut();
            right.zip(&product).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        Ok(())
    }

    /// W, m × k.
    fn solve(&self, observer: &dyn Observer) -> Result<Matrix> {
        let (m, k, stride) = (self.columns, self.k, padded(self.columns));
        let trace: f64 = (0..m).map(|place| self.gram[place * m + place]).sum();
        let mut solved = Matrix::zeros(if k > 0 { m } else { 0 }, k);
        // Without any content there is nothing to map, and no ridge that could be of any size.
        if m == 0 || k == 0 || trace <= 0.0 {
            return Ok(solved);
        }
        let ridge = RIDGE * trace / m as f64;
        let mut system = vec![0.0f32; stride * stride];
        for place in 0..stride {
            if place < m {
                for other in place..m {
                    system[place * stride + other] = self.gram[place * m + other] as f32;
                }
                system[place * stride + place] = (self.gram[place * m + place] + ridge) as f32;
            } else {
                system[place * stride + place] = 1.0;
            }
        }
        observer.check()?;
        factorize(&mut system, stride);
        let solutions: Vec<Vec<f32>> = (0..k)
            .into_par_iter()
            .map(|factor| {
                observer.check()?;
                let mut right = vec![0.0f32; stride];
                right
                    .iter_mut()
                    .zip(self.right[factor..].iter().step_by(k))
                    .for_each(|(x, &b)| *x = b as f32);
                solve(&system, stride, &mut right);
                Ok(right)
            })
            .collect::<Result<_>>()?;
        for (factor, solution) in solutions.iter().enumerate() {
            for (place, &value) in solution[..m].iter().enumerate() {
                solved.row_mut(place)[factor] = value;
            }
        }
        if solved.data().iter().all(|value| value.is_finite()) {
            Ok(solved)
        } else {
            Err(EngineError::NotFinite { what: "new items" })
        }
    }
}
