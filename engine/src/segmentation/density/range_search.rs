//! Finds the pairs of rows of two sets that lie within a radius of each other, exactly and without storing them.
//!
//! Distances come from products of a block of rows with a tile of rows, 2·k flops per pair, and only one tile is kept.
//! A product of k terms in `f32` is off by at most k·u·‖a‖‖b‖ with u = 2⁻²⁴ (Higham 2002, §3.1), and rounding rows and
//! norms adds less than 8·u·(‖a‖² + ‖b‖²)/2. Pairs that are closer to the radius than that are decided by the distance
//! of the original rows in `f64`.

use crate::error::Result;
use crate::linalg::product::scores;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::segmentation::centered_rows::CenteredRows;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// The number of rows of a task.
pub(super) const BLOCK_ROWS: usize = 128;
/// The number of rows that a block is multiplied with at once: 512 kB of products.
const TILE_ROWS: usize = 1_024;
/// The number of columns that are compared before any of them is examined.
const LANES: usize = 32;

/// Returns the distance of two rows by its definition.
pub(super) fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum::<f64>().sqrt()
}

/// Some rows of a matrix, both in their original form and centered.
pub(super) struct SelectedRows<'a> {
    /// The numbers of the rows in the matrix.
    pub numbers: Vec<u32>,
    original: &'a Matrix,
    /// The rows minus the mean.
    pub centered: Matrix,
    /// ½‖row‖² of each centered row.
    pub half_norms: Vec<f32>,
}

impl<'a> SelectedRows<'a> {
    /// Selects the rows with the given numbers from the original matrix and from the centered one.
    pub fn select(original: &'a Matrix, centered: &CenteredRows, numbers: Vec<u32>) -> Self {
        let half_norms = numbers.iter().map(|&row| centered.half_norms[row as usize]).collect();
        Self { original, centered: centered.points.select(&numbers), half_norms, numbers }
    }

    /// Returns a row in its original form.
    pub fn original(&self, place: usize) -> &[f32] {
        self.original.row(self.numbers[place] as usize)
    }

    /// Calls `visit` for each pair of a row of `self` and a row of `others` that may be within the radius, with the
    /// state of the former. The rows of `others` come in their order; for a block of rows of `self` they start at the
    /// place `from(block)`.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn visit<State: Send>(
        &self,
        others: &SelectedRows,
        radius: Radius,
        states: &mut [State],
        from: impl Fn(usize) -> usize + Sync,
        visit: impl Fn(&mut State, Pair) + Sync,
        observer: &dyn Observer,
    ) -> Result<()> {
        let k = self.centered.columns();
        let error = (k as f32 + 8.0) * f32::EPSILON;
        let least: Vec<f32> = others.half_norms.iter().map(|norm| norm * (1.0 - error)).collect();
        states.par_chunks_mut(BLOCK_ROWS).enumerate().try_for_each_init(
            || (Vec::new(), Vec::new()),
            |(products, hits), (block, states)| {
                let start = block * BLOCK_ROWS;
                let rows = &self.centered.data()[start * k..(start + states.len()) * k];
                let mut tile = from(block);
                while tile < others.numbers.len() {
                    observer.check()?;
                    let end = (tile + TILE_ROWS).min(others.numbers.len());
                    products.resize(states.len() * (end - tile), 0.0f32);
                    scores(rows, &others.centered.data()[tile * k..end * k], k, products);
                    for (row, (state, products)) in
                        states.iter_mut().zip(products.chunks(end - tile)).enumerate()
                    {
                        let place = start + row;
                        let half_norm = self.half_norms[place];
                        let limit = half_norm * (1.0 - error) - radius.half_square;
                        pulp::Arch::new().dispatch(Hits { products, least: &least[tile..end], limit, hits });
                        for &hit in hits.iter() {
                            let other = tile + hit as usize;
                            let sum = half_norm + others.half_norms[other];
                            let half_square = sum - products[hit as usize];
                            let error = error * sum;
                            visit(
                                state,
                                Pair { rows: self, others, place, other, half_square, error, radius },
                            );
                        }
                    }
                    tile = end;
                }
                Ok(())
            },
        )
    }
}

/// A radius, and the limit that products are compared with.
#[derive(Clone, Copy)]
pub(super) struct Radius {
    given: f64,
    unit: f64,
    half_square: f32,
}

impl Radius {
    /// Converts a radius to the unit of centered rows.
    pub fn new(given: f64, centered: &CenteredRows) -> Self {
        Self { given, unit: centered.unit, half_square: ((given / centered.unit).powi(2) / 2.0) as f32 }
    }
}

/// Two rows that, as far as the product can tell, are within the radius.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    rows: &'a SelectedRows<'a>,
    others: &'a SelectedRows<'a>,
    /// The place of the first row.
    pub place: usize,
    /// The place of the second row.
    pub other: usize,
    /// Half the squared distance in the unit of the centered rows, and its largest possible error.
    half_square: f32,
    error: f32,
    radius: Radius,
}

impl Pair<'_> {
    /// Returns the distance by its definition.
    pub fn distance(&self) -> f64 {
        distance(self.rows.original(self.place), self.others.original(self.other))
    }

    /// Returns a lower bound of the distance.
    pub fn least_distance(&self) -> f64 {
        (2.0 * f64::from(self.half_square - self.error).max(0.0)).sqrt() * self.radius.unit
    }

    /// Whether the rows are within the radius.
    pub fn is_within(&self) -> bool {
        self.half_square + self.error <= self.radius.half_square || self.distance() <= self.radius.given
    }
}

/// The columns of a row of products that may be within the radius.
struct Hits<'a> {
    products: &'a [f32],
    least: &'a [f32],
    limit: f32,
    hits: &'a mut Vec<u32>,
}

impl WithSimd for Hits<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.hits.clear();
        let chunks = self.products.chunks(LANES).zip(self.least.chunks(LANES));
        for (chunk, (products, least)) in chunks.enumerate() {
            let near = |(product, least): (&f32, &f32)| product - least >= self.limit;
            // Without a branch a chunk takes a few instructions; most chunks have no hits.
            if products.iter().zip(least).map(near).fold(false, |any, near| any | near) {
                let first = (chunk * LANES) as u32;
                self.hits.extend(
                    (first..)
                        .zip(products.iter().zip(least))
                        .filter(|(_, pair)| near(*pair))
                        .map(|hit| hit.0),
                );
            }
        }
    }
}
