//! Computes the ordering of rows by density and their reachability plot (Ankerst et al. 1999) with `linfa_clustering`.
//!
//! Its nearest-neighbour searches do not fit here: the trees sort all rows of every result, and the exhaustive search
//! does not sort them at all, although the core distance is read from the order. Our exhaustive search only puts the
//! neighbour that determines the core distance into its place, which gives the same plot in a third of the time.
//! linfa's loop has no check for cancellation; once the work is cancelled, our distance finds no row near, so that the
//! rest of the loop ends at once.

use crate::error::{EngineError, Result};
use crate::matrix::Matrix;
use crate::memory::with_room;
use crate::observer::Observer;
use linfa::Float;
use linfa::traits::Transformer;
use linfa_clustering::Optics;
use linfa_nn::distance::Distance;
use linfa_nn::{BuildError, NearestNeighbour, NearestNeighbourIndex, NnError};
use ndarray::{Array2, ArrayBase, ArrayView, ArrayView1, ArrayView2, Data, Dimension, Ix2};
use std::cmp::Ordering;

/// A row in the reachability plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reached {
    /// The number of the row.
    pub row: u32,
    /// The distance to the nearest dense region before it in the order; `None` if no earlier row reaches it.
    pub reachability: Option<f64>,
    /// The distance to the last of its neighbours; `None` if it has too few.
    pub core_distance: Option<f64>,
}

/// Orders the given rows, which must have finite values. `neighbours`, at least 2, is the number of rows, itself
/// included, that make a row a core row. If a `radius` is given, no row is reached from farther away. Takes at least
/// n²·k·6 flops, on the calling thread.
///
/// # Errors
/// [`EngineError::Cancelled`], [`EngineError::NoMemory`].
pub(super) fn order(
    points: &Matrix,
    ordered: &[u32],
    neighbours: usize,
    radius: Option<f64>,
    observer: &dyn Observer,
) -> Result<Vec<Reached>> {
    let columns = points.columns();
    let mut data = with_room(ordered.len() * columns)?;
    for &row in ordered {
        data.extend(points.row(row as usize).iter().map(|&value| f64::from(value)));
    }
    let shape = |_| EngineError::Shape { what: "rows to order", expected: ordered.len(), found: 0 };
    let rows = Array2::from_shape_vec((ordered.len(), columns), data).map_err(shape)?;
    let unsuitable = |_| EngineError::Shape { what: "neighbours", expected: 2, found: neighbours };
    let analysis = Optics::params_with(neighbours, Euclidean(observer), ExhaustiveSearch { neighbours })
        .tolerance(radius.unwrap_or(f64::INFINITY))
        .transform(rows.view())
        .map_err(unsuitable)?;
    observer.check()?;
    let mut plot: Vec<Reached> = analysis
        .iter()
        .map(|sample| Reached {
            row: ordered[sample.index()],
            reachability: *sample.reachability_distance(),
            core_distance: *sample.core_distance(),
        })
        .collect();
    open_components(&mut plot, points, radius);
    Ok(plot)
}

/// Clears the reachability of the first row of each component, which linfa sets to the row's own core distance.
fn open_components(plot: &mut [Reached], points: &Matrix, radius: Option<f64>) {
    let mut first = 0;
    for place in 0..plot.len() {
        let Reached { row, reachability, .. } = plot[place];
        // A component ends if none of its rows reaches the next one.
        let begins = reachability.is_none()
            || place == 0
            || radius.is_some_and(|radius| {
                let reaches = |before: &Reached| {
                    before.core_distance.is_some()
                        && squared(points.row(before.row as usize), points.row(row as usize))
                            <= radius * radius
                };
                !plot[first..place].iter().rev().any(reaches)
            });
        if begins {
            plot[place].reachability = None;
            first = place;
        }
    }
}

/// Returns the Euclidean distance of two rows.
pub(super) fn distance(a: &[f32], b: &[f32]) -> f64 {
    squared(a, b).sqrt()
}

/// Returns the squared distance, computed in the lanes of a register.
fn squared<T: Copy + Into<f64>>(a: &[T], b: &[T]) -> f64 {
    const LANES: usize = 4;
    let mut sums = [0.0; LANES];
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for (sum, (&x, &y)) in sums.iter_mut().zip(a.iter().zip(b)) {
            let difference = x.into() - y.into();
            *sum += difference * difference;
        }
    }
    for (sum, (&x, &y)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        let difference = x.into() - y.into();
        *sum += difference * difference;
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// Euclidean distance, by which no row is near once the work is cancelled.
#[derive(Clone)]
struct Euclidean<'a>(&'a dyn Observer);

impl Distance<f64> for Euclidean<'_> {
    fn distance<D: Dimension>(&self, a: ArrayView<'_, f64, D>, b: ArrayView<'_, f64, D>) -> f64 {
        self.rdistance(a, b).sqrt()
    }

    fn rdistance<D: Dimension>(&self, a: ArrayView<'_, f64, D>, b: ArrayView<'_, f64, D>) -> f64 {
        match (a.as_slice(), b.as_slice()) {
            (Some(a), Some(b)) => squared(a, b),
            _ => a.iter().zip(b.iter()).map(|(x, y)| (x - y) * (x - y)).sum(),
        }
    }

    fn rdist_to_dist(&self, squared: f64) -> f64 {
        squared.sqrt()
    }

    /// linfa calls this once in each search, which makes it the place to check for cancellation.
    fn dist_to_rdist(&self, distance: f64) -> f64 {
        if self.0.is_cancelled() { f64::NEG_INFINITY } else { distance * distance }
    }
}

/// A search that compares each row.
#[derive(Clone, Debug)]
struct ExhaustiveSearch {
    /// The rank of the neighbour that is put into its place, with nearer ones before it.
    neighbours: usize,
}

impl NearestNeighbour for ExhaustiveSearch {
    fn from_batch_with_leaf_size<'a, F: Float, DT: Data<Elem = F>, D: 'a + Distance<F>>(
        &self,
        batch: &'a ArrayBase<DT, Ix2>,
        _leaf_size: usize,
        dist_fn: D,
    ) -> std::result::Result<Box<dyn 'a + Send + Sync + NearestNeighbourIndex<F>>, BuildError> {
        if batch.ncols() == 0 {
            return Err(BuildError::ZeroDimension);
        }
        Ok(Box::new(SearchedRows { rows: batch.view(), distance: dist_fn, neighbours: self.neighbours }))
    }
}

/// Rows that are searched one after another.
struct SearchedRows<'a, F, D> {
    rows: ArrayView2<'a, F>,
    distance: D,
    neighbours: usize,
}

impl<F: Float, D: Distance<F>> SearchedRows<'_, F, D> {
    /// Returns the rows within a range (as `rdistance`). The `nearest` nearest ones come first, with the farthest of
    /// them last.
    fn search(&self, point: ArrayView1<'_, F>, range: F, nearest: usize) -> Vec<(ArrayView1<'_, F>, usize)> {
        let distances =
            self.rows.rows().into_iter().map(|row| self.distance.rdistance(point.reborrow(), row));
        let mut near: Vec<(F, usize)> =
            distances.zip(0..).filter(|(distance, _)| *distance <= range).collect();
        if nearest > 0 && nearest <= near.len() {
            let nearer = |a: &(F, usize), b: &(F, usize)| {
                a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then(a.1.cmp(&b.1))
            };
            near.select_nth_unstable_by(nearest - 1, nearer);
        }
        near.into_iter().map(|(_, row)| (self.rows.row(row), row)).collect()
    }
}

impl<F: Float, D: Distance<F>> NearestNeighbourIndex<F> for SearchedRows<'_, F, D> {
    fn k_nearest(
        &self,
        point: ArrayView1<'_, F>,
        k: usize,
    ) -> std::result::Result<Vec<(ArrayView1<'_, F>, usize)>, NnError> {
        let mut near = self.search(point, F::infinity(), k);
        near.truncate(k);
        Ok(near)
    }

    fn within_range(
        &self,
        point: ArrayView1<'_, F>,
        range: F,
    ) -> std::result::Result<Vec<(ArrayView1<'_, F>, usize)>, NnError> {
        Ok(self.search(point, self.distance.dist_to_rdist(range), self.neighbours))
    }
}
