//! Finds the nearest and the second nearest centroid of rows.
//!
//! A block of rows is multiplied with the centroids in 2·rows·count·k flops, which gives ‖x − c‖² = ‖x‖² − 2x·c + ‖c‖².
//! If this difference loses too many digits, the distance is computed from x − c instead, so that clusters that are
//! close together but far from the origin can be told apart. If rows are short, all distances are computed that way.
//! The spherical geometry takes ‖x‖ = ‖c‖ = 1 for granted, so a row of zeros is orthogonal to every centroid.

use super::blocks::map_blocks;
use super::problem::{BLOCK_ROWS, task_blocks};
use super::settings::Geometry;
use crate::linalg::pairwise::PackedRows;
use crate::linalg::product::scores;
use crate::linalg::vector::{dot, squared_distance};
use crate::matrix::Matrix;
use pulp::{Simd, WithSimd};

/// If ‖x − c‖² is below this share of ‖x‖² + ‖c‖², it is computed from x − c: the difference of squares has an error of
/// about 3·10⁻⁷ of that sum, so the other distances have a relative error of at most 3·10⁻⁴.
const EXACT_BELOW: f32 = 1e-3;
/// The number of columns up to which all distances are computed from x − c: for such short rows a product is no faster.
const DIFFERENCES_UP_TO: usize = 16;

/// The largest number of products of a block: half a megabyte, which fits into the second-level cache.
const MOST_PRODUCTS: usize = 1 << 17;
/// The largest number of multiply-adds of a block, about 10 ms. The observer is checked before each block.
const PATIENCE: usize = 1 << 26;
const LEAST_BLOCK_ROWS: usize = 16;

/// The number of groups of clusters: the lanes of a vector, and the number of lower bounds of a row. The group of a
/// cluster is its number modulo this.
pub(super) const GROUPS: usize = 8;

/// The nearest cluster of a row, with the distances to the two nearest centroids.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// The cluster with the nearest centroid.
    pub cluster: u32,
    /// 1 − cosine with its centroid (0 … 2), or the Euclidean distance to it.
    pub distance: f32,
    /// The distance to the second nearest centroid; 2 or infinity if there is only one.
    pub second: f32,
}

impl Nearest {
    const NONE: Self = Self { cluster: 0, distance: f32::INFINITY, second: f32::INFINITY };

    fn new(found: &Found, geometry: Geometry) -> Self {
        let distance = |squared: f32| match geometry {
            Geometry::Spherical => (squared / 2.0).clamp(0.0, 2.0),
            Geometry::Euclidean => squared.max(0.0).sqrt(),
        };
        let second = found.others.into_iter().fold(f32::INFINITY, f32::min);
        Self { cluster: found.cluster, distance: distance(found.distance), second: distance(second) }
    }
}

/// The nearest cluster of a row, with squared distances.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) cluster: u32,
    /// The squared distance to its centroid.
    pub(super) distance: f32,
    /// The squared distance to the nearest other centroid of each group.
    pub(super) others: [f32; GROUPS],
}

/// Finds the nearest centroids of each row, in 2·n·count·k flops. Ties go to the lower number.
pub fn nearest(points: &Matrix, centroids: &Matrix, geometry: Geometry) -> Vec<Nearest> {
    let search = Search::new(centroids, geometry);
    let size = search.block_rows();
    let mut nearest = vec![Nearest::NONE; points.rows()];
    let blocks = points.data().chunks(size * points.columns().max(1)).zip(nearest.chunks_mut(size));
    let least = task_blocks(size, points.columns(), centroids.rows());
    let done = map_blocks(blocks, least, Scratch::default, |scratch, (rows, nearest)| {
        search.write_nearest(rows, nearest, scratch);
        Ok(())
    });
    debug_assert!(done.is_ok(), "no block can fail");
    nearest
}

/// Finds the nearest centroids of the consecutive rows in `rows`, on the calling thread.
pub fn nearest_block(rows: &[f32], centroids: &Matrix, geometry: Geometry, nearest: &mut [Nearest]) {
    let search = Search::new(centroids, geometry);
    let mut scratch = Scratch::default();
    let size = search.block_rows();
    let blocks = rows.chunks(size * centroids.columns().max(1));
    for (rows, nearest) in blocks.zip(nearest.chunks_mut(size)) {
        search.write_nearest(rows, nearest, &mut scratch);
    }
}

/// Finds the nearest centroids of one row, on the calling thread.
pub fn nearest_of(point: &[f32], centroids: &Matrix, geometry: Geometry) -> Nearest {
    let mut nearest = [Nearest::NONE];
    nearest_block(point, centroids, geometry, &mut nearest);
    nearest[0]
}

/// Scratch space for the work on a block.
#[derive(Default)]
pub(super) struct Scratch {
    distances: Vec<f32>,
    found: Vec<Found>,
}

/// Centroids, prepared for the search.
pub(super) struct Search<'a> {
    centroids: &'a Matrix,
    geometry: Geometry,
    /// ‖c‖² of each centroid.
    squares: Vec<f32>,
    /// The packed centroids, if distances are computed from differences.
    packed: Option<PackedRows>,
}

impl<'a> Search<'a> {
    pub(super) fn new(centroids: &'a Matrix, geometry: Geometry) -> Self {
        let squares = squares(centroids.data(), centroids.rows(), geometry);
        let short = geometry == Geometry::Euclidean && centroids.columns() <= DIFFERENCES_UP_TO;
        let packed = short.then(|| PackedRows::new(centroids.view()));
        Self { centroids, geometry, squares, packed }
    }

    /// The number of rows of a block, which is small if there are many or long centroids.
    pub(super) fn block_rows(&self) -> usize {
        let values = self.centroids.data().len().max(1);
        let rows = (PATIENCE / values).min(MOST_PRODUCTS / self.centroids.rows().max(1));
        rows.clamp(LEAST_BLOCK_ROWS, BLOCK_ROWS)
    }

    fn write_nearest(&self, values: &[f32], nearest: &mut [Nearest], scratch: &mut Scratch) {
        let found = self.nearest(values, nearest.len(), scratch);
        nearest.iter_mut().zip(found).for_each(|(to, found)| *to = Nearest::new(found, self.geometry));
    }

    /// Finds the nearest cluster of each of `rows` rows.
    pub(super) fn nearest<'s>(&self, values: &[f32], rows: usize, scratch: &'s mut Scratch) -> &'s [Found] {
        let Scratch { distances, found } = scratch;
        distances.resize(rows * self.squares.len(), 0.0);
        self.squared_distances(values, rows, distances);
        found.resize(rows, Found { cluster: 0, distance: f32::INFINITY, others: [f32::INFINITY; GROUPS] });
        pulp::Arch::new().dispatch(LeastByGroup { distances, found });
        found
    }

    /// Writes ‖x − c‖² of each row and centroid to `distances`, rows × count.
    pub(super) fn squared_distances(&self, values: &[f32], rows: usize, distances: &mut [f32]) {
        if let Some(packed) = &self.packed {
            return packed.squared_distances(values, distances);
        }
        let (k, count) = (self.centroids.columns().max(1), self.squares.len().max(1));
        let row_squares = squares(values, rows, self.geometry);
        scores(values, self.centroids.data(), k, distances);
        let mut near = Vec::new();
        let (row_squares, squares) = (&row_squares[..], &self.squares[..]);
        pulp::Arch::new().dispatch(FromProducts { distances, row_squares, squares, near: &mut near });
        for row in near {
            let values = &values[row * k..(row + 1) * k];
            for (cluster, distance) in distances[row * count..(row + 1) * count].iter_mut().enumerate() {
                if *distance < EXACT_BELOW * (row_squares[row] + squares[cluster]) {
                    *distance = squared_distance(values, self.centroids.row(cluster));
                }
            }
        }
    }
}

/// ‖x‖² of each row, which is taken as 1 in the spherical geometry.
fn squares(values: &[f32], rows: usize, geometry: Geometry) -> Vec<f32> {
    match geometry {
        Geometry::Spherical => vec![1.0; rows],
        Geometry::Euclidean => {
            values.chunks((values.len() / rows.max(1)).max(1)).map(|row| dot(row, row)).collect()
        }
    }
}

/// Turns the products of rows with centroids into squared distances, and collects the rows that are so near to a
/// centroid that these have to be recomputed.
struct FromProducts<'a> {
    distances: &'a mut [f32],
    row_squares: &'a [f32],
    squares: &'a [f32],
    near: &'a mut Vec<usize>,
}

impl WithSimd for FromProducts<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.distances.chunks_exact_mut(self.squares.len().max(1));
        for (row, (distances, row_square)) in rows.zip(self.row_squares).enumerate() {
            let mut near = false;
            for (distance, square) in distances.iter_mut().zip(self.squares) {
                let sum = row_square + square;
                *distance = sum - 2.0 * *distance;
                near |= *distance < EXACT_BELOW * sum;
            }
            if near {
                self.near.push(row);
            }
        }
    }
}

/// Finds the smallest distance of each row, and the smallest other distance in each group.
struct LeastByGroup<'a> {
    distances: &'a [f32],
    found: &'a mut [Found],
}

impl WithSimd for LeastByGroup<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let count = self.distances.len() / self.found.len().max(1);
        for (found, distances) in self.found.iter_mut().zip(self.distances.chunks_exact(count.max(1))) {
            // There are no branches, so that the groups become the lanes of vectors. `min` and `max` would take twice
            // as long because of their handling of NaN.
            let mut least = [f32::INFINITY; GROUPS];
            let mut second = [f32::INFINITY; GROUPS];
            let mut round = [0u32; GROUPS];
            let mut look = |at: u32, group: usize, distance: f32| {
                let nearer = distance < least[group];
                let farther = if nearer { least[group] } else { distance };
                second[group] = if farther < second[group] { farther } else { second[group] };
                round[group] = if nearer { at } else { round[group] };
                least[group] = if nearer { distance } else { least[group] };
            };
            let (body, tail) = distances.as_chunks::<GROUPS>();
            for (at, distances) in (0u32..).zip(body) {
                for (group, &distance) in distances.iter().enumerate() {
                    look(at, group, distance);
                }
            }
            for (group, &distance) in tail.iter().enumerate() {
                look(body.len() as u32, group, distance);
            }
            let cluster = |group: usize| round[group] * GROUPS as u32 + group as u32;
            let mut own = 0;
            for group in 1..GROUPS {
                let nearer = least[group] < least[own];
                if nearer || least[group] == least[own] && cluster(group) < cluster(own) {
                    own = group;
                }
            }
            *found = Found { cluster: cluster(own), distance: least[own], others: least };
            found.others[own] = second[own];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::vector::normalize;
    use proptest::prelude::*;

    fn plain(point: &[f32], centroid: &[f32], geometry: Geometry) -> f64 {
        let pairs = || point.iter().zip(centroid).map(|(&x, &c)| (f64::from(x), f64::from(c)));
        match geometry {
            Geometry::Spherical => 1.0 - pairs().map(|(x, c)| x * c).sum::<f64>(),
            Geometry::Euclidean => pairs().map(|(x, c)| (x - c) * (x - c)).sum::<f64>().sqrt(),
        }
    }

    fn rows(values: Vec<f32>, columns: usize, geometry: Geometry) -> Matrix {
        let whole = values.len() / columns * columns;
        let mut rows = Matrix::from_data(columns, values[..whole].to_vec()).unwrap();
        if geometry == Geometry::Spherical {
            (0..rows.rows()).for_each(|row| normalize(rows.row_mut(row)));
        }
        rows
    }

    proptest! {
        #[test]
        fn the_nearest_two_are_those_of_plain_distances(
            values in proptest::collection::vec(-2.0f32..2.0, 40..2_000),
            others in proptest::collection::vec(-2.0f32..2.0, 20..400),
            columns in 1usize..20,
            spherical in any::<bool>(),
        ) {
            let geometry = if spherical { Geometry::Spherical } else { Geometry::Euclidean };
            let (points, centroids) = (rows(values, columns, geometry), rows(others, columns, geometry));
            let found = nearest(&points, &centroids, geometry);
            let mut block = vec![Nearest::NONE; points.rows()];
            nearest_block(points.data(), &centroids, geometry, &mut block);
            prop_assert_eq!(&found, &block);
            for (row, found) in found.iter().enumerate() {
                let distance = |c: usize| plain(points.row(row), centroids.row(c), geometry);
                let mut all: Vec<f64> = (0..centroids.rows()).map(distance).collect();
                prop_assert!((distance(found.cluster as usize) - f64::from(found.distance)).abs() < 1e-3);
                all.sort_by(f64::total_cmp);
                prop_assert!((all[0] - f64::from(found.distance)).abs() < 1e-3);
                if let Some(second) = all.get(1) {
                    prop_assert!((second - f64::from(found.second)).abs() < 1e-3);
                }
                let one = nearest_of(points.row(row), &centroids, geometry);
                prop_assert!((one.distance - found.distance).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn equal_centroids_give_the_lower_number_and_one_gives_the_largest_second() {
        let centroids = Matrix::from_data(2, [0.6, 0.8].repeat(20)).unwrap();
        for (geometry, largest) in [(Geometry::Spherical, 2.0), (Geometry::Euclidean, f32::INFINITY)] {
            let found = nearest_of(&[0.8, 0.6], &centroids, geometry);
            assert_eq!((found.cluster, found.second), (0, found.distance));
            assert_eq!(nearest_of(&[0.8, 0.6], &centroids.select(&[3]), geometry).second, largest);
        }
    }

    #[test]
    fn a_row_of_zeros_is_at_right_angles_to_every_direction() {
        let centroids = Matrix::from_data(2, vec![0.6, 0.8, 1.0, 0.0, 0.0, 0.0]).unwrap();
        let found = nearest_of(&[0.0, 0.0], &centroids, Geometry::Spherical);
        assert_eq!(found, Nearest { cluster: 0, distance: 1.0, second: 1.0 });
        // The same holds for a centroid of zeros: it is the nearest of no row that has a better one.
        assert_eq!(nearest_of(&[0.0, 1.0], &centroids, Geometry::Spherical).cluster, 0);
    }

    #[test]
    fn centroids_close_together_and_far_away_are_told_apart() {
        let centroids = Matrix::from_data(3, vec![1e4, 1e4, 1e4, 1e4, 1e4, 1e4 + 1.0]).unwrap();
        let found = nearest_of(&[1e4, 1e4, 1e4 + 0.75], &centroids, Geometry::Euclidean);
        assert_eq!(found, Nearest { cluster: 1, distance: 0.25, second: 0.75 });
    }
}
