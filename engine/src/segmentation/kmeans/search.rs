//! The nearest and second nearest centroid of rows.
//!
//! A block of rows is one product with the centroids, 2·rows·count·k flops, from which
//! ‖x − c‖² = ‖x‖² − 2x·c + ‖c‖². Where that difference keeps too few of its digits the distance is
//! taken from x − c itself, so that clusters far away and close together are told apart all the same.
//! In the spherical geometry ‖x‖ = ‖c‖ = 1 by definition, which leaves a row of zeros at right angles to
//! everything.

use super::{BLOCK_ROWS, Geometry};
use crate::linalg::product::scores;
use crate::linalg::vector::dot;
use crate::matrix::Matrix;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// ‖x − c‖² below this share of ‖x‖² + ‖c‖² is computed from x − c: the difference of squares has an
/// error of about 3·10⁻⁷ of that sum, so what is kept is right to 3·10⁻⁴.
const EXACT_BELOW: f32 = 1e-3;

/// The nearest cluster of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// The cluster.
    pub cluster: u32,
    /// 1 − cosine with its centroid (0 … 2), or the Euclidean distance from it.
    pub distance: f32,
    /// The same to the second nearest; where there is none, 2 or infinity.
    pub second: f32,
}

impl Nearest {
    pub(super) const NONE: Self = Self { cluster: 0, distance: f32::INFINITY, second: f32::INFINITY };

    /// From squared distances to those of the geometry.
    fn in_geometry(self, geometry: Geometry) -> Self {
        let distance = |squared: f32| match geometry {
            Geometry::Spherical => (squared / 2.0).clamp(0.0, 2.0),
            Geometry::Euclidean => squared.max(0.0).sqrt(),
        };
        Self { distance: distance(self.distance), second: distance(self.second), ..self }
    }
}

/// The nearest centroids of every row; ties go to the lower number. 2·n·count·k flops.
pub fn nearest(points: &Matrix, centroids: &Matrix, geometry: Geometry) -> Vec<Nearest> {
    let search = Search::new(centroids, geometry);
    let mut found = vec![Nearest::NONE; points.rows()];
    let blocks = points.data().par_chunks(BLOCK_ROWS * points.columns().max(1));
    blocks.zip(found.par_chunks_mut(BLOCK_ROWS)).for_each_init(Scratch::default, |scratch, (rows, found)| {
        search.nearest(rows, scratch, found);
        found.iter_mut().for_each(|nearest| *nearest = nearest.in_geometry(geometry));
    });
    found
}

/// The nearest centroids of the rows that stand one after the other in `rows`, on the calling thread.
pub fn nearest_block(rows: &[f32], centroids: &Matrix, geometry: Geometry, found: &mut [Nearest]) {
    let search = Search::new(centroids, geometry);
    let mut scratch = Scratch::default();
    let blocks = rows.chunks(BLOCK_ROWS * centroids.columns().max(1));
    for (rows, found) in blocks.zip(found.chunks_mut(BLOCK_ROWS)) {
        search.nearest(rows, &mut scratch, found);
        found.iter_mut().for_each(|nearest| *nearest = nearest.in_geometry(geometry));
    }
}

/// The nearest centroids of one row, on the calling thread.
pub fn nearest_of(point: &[f32], centroids: &Matrix, geometry: Geometry) -> Nearest {
    let mut found = [Nearest::NONE.in_geometry(geometry)];
    nearest_block(point, centroids, geometry, &mut found);
    found[0]
}

/// Room for the work on a block.
#[derive(Default)]
pub(super) struct Scratch {
    distances: Vec<f32>,
    squares: Vec<f32>,
}

/// Centroids, ready to be searched.
pub(super) struct Search<'a> {
    centroids: &'a Matrix,
    geometry: Geometry,
    /// ‖c‖².
    squares: Vec<f32>,
}

impl<'a> Search<'a> {
    pub(super) fn new(centroids: &'a Matrix, geometry: Geometry) -> Self {
        let mut squares = vec![0.0; centroids.rows()];
        fill_squares(centroids.data(), geometry, &mut squares);
        Self { centroids, geometry, squares }
    }

    /// The nearest centroids of a block of rows, by squared distances.
    pub(super) fn nearest(&self, rows: &[f32], scratch: &mut Scratch, found: &mut [Nearest]) {
        scratch.squares.resize(found.len(), 0.0);
        fill_squares(rows, self.geometry, &mut scratch.squares);
        scratch.distances.resize(found.len() * self.squares.len(), 0.0);
        self.squared_distances(rows, &scratch.squares, &mut scratch.distances);
        pulp::Arch::new().dispatch(BestTwo { distances: &scratch.distances, found });
    }

    /// ‖x − c‖² as count × rows; `row_squares` holds ‖x‖² of each row.
    pub(super) fn squared_distances(&self, rows: &[f32], row_squares: &[f32], distances: &mut [f32]) {
        scores(self.centroids.data(), rows, self.centroids.columns(), distances);
        for (cluster, distances) in distances.chunks_mut(row_squares.len().max(1)).enumerate() {
            let square = self.squares[cluster];
            if pulp::Arch::new().dispatch(FromProducts { distances, row_squares, square }) {
                self.exact_where_near(cluster, rows, row_squares, distances);
            }
        }
    }

    fn exact_where_near(&self, cluster: usize, rows: &[f32], row_squares: &[f32], distances: &mut [f32]) {
        let centroid = self.centroids.row(cluster);
        let rows = rows.chunks_exact(centroid.len().max(1));
        for ((distance, row), row_square) in distances.iter_mut().zip(rows).zip(row_squares) {
            if *distance < EXACT_BELOW * (row_square + self.squares[cluster]) {
                *distance = squared_difference(row, centroid);
            }
        }
    }
}

/// ‖x‖² of each row, which is one by definition where rows are directions.
pub(super) fn fill_squares(rows: &[f32], geometry: Geometry, squares: &mut [f32]) {
    match geometry {
        Geometry::Spherical => squares.fill(1.0),
        Geometry::Euclidean => {
            let k = rows.len() / squares.len().max(1);
            squares.iter_mut().zip(rows.chunks(k.max(1))).for_each(|(square, row)| *square = dot(row, row));
        }
    }
}

/// Turns the products of one centroid with rows into squared distances; true where one is so near
/// that it needs another look.
struct FromProducts<'a> {
    distances: &'a mut [f32],
    row_squares: &'a [f32],
    square: f32,
}

impl WithSimd for FromProducts<'_> {
    type Output = bool;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        let mut near = false;
        for (distance, row_square) in self.distances.iter_mut().zip(self.row_squares) {
            let sum = row_square + self.square;
            *distance = sum - 2.0 * *distance;
            near |= *distance < EXACT_BELOW * sum;
        }
        near
    }
}

/// The least two of count × rows distances for each row.
struct BestTwo<'a> {
    distances: &'a [f32],
    found: &'a mut [Nearest],
}

impl WithSimd for BestTwo<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let mut best = [[f32::INFINITY; BLOCK_ROWS]; 2];
        let mut nearest = [0u32; BLOCK_ROWS];
        let [best, second] = &mut best;
        let rows = self.found.len().min(BLOCK_ROWS);
        for (cluster, distances) in (0u32..).zip(self.distances.chunks_exact(rows.max(1))) {
            let places = best.iter_mut().zip(second.iter_mut()).zip(nearest.iter_mut());
            for (((best, second), nearest), &distance) in places.zip(distances) {
                // No branches: the compiler makes vectors of it.
                *second = if distance < *best { *best } else { second.min(distance) };
                *nearest = if distance < *best { cluster } else { *nearest };
                *best = best.min(distance);
            }
        }
        for (((found, &best), &second), &cluster) in
            self.found.iter_mut().zip(&*best).zip(&*second).zip(&nearest)
        {
            *found = Nearest { cluster, distance: best, second };
        }
    }
}

/// Σ (a − b)².
pub(super) fn squared_difference(a: &[f32], b: &[f32]) -> f32 {
    pulp::Arch::new().dispatch(SquaredDifference(a, b))
}

struct SquaredDifference<'a>(&'a [f32], &'a [f32]);

impl WithSimd for SquaredDifference<'_> {
    type Output = f32;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        // Sixteen independent sums are one or two registers of any processor.
        let mut sums = [0.0f32; 16];
        let (a_body, a_tail) = self.0.as_chunks::<16>();
        let (b_body, b_tail) = self.1.as_chunks::<16>();
        for (a, b) in a_body.iter().zip(b_body) {
            for lane in 0..16 {
                sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
            }
        }
        let tail: f32 = a_tail.iter().zip(b_tail).map(|(a, b)| (a - b) * (a - b)).sum();
        sums.iter().sum::<f32>() + tail
    }
}
