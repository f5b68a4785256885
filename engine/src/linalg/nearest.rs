//! The nearest of many centres to each of many points, by squared Euclidean distance, on the calling thread. Distances
//! are computed from differences: the matrix product form ‖x‖² + ‖c‖² − 2x·c would lose all digits of points that are
//! close together but far from zero.
//!
//! Takes 3·n·k·columns flops, as a subtraction and a fused multiply-add; the centres are read from the cache.

use super::padded;
use pulp::{Simd, WithSimd};

/// Points that share each load of the centres. Four points × two vectors of centres use eight accumulators, enough to
/// hide the latency of the fused multiply-add.
const POINTS: usize = 4;

/// Centres in column-major order, so that one column of many centres is contiguous.
#[derive(Clone, Debug)]
pub struct Centres {
    count: usize,
    columns: usize,
    /// Columns × padded count; padding centres are infinitely far away.
    values: Vec<f32>,
}

impl Centres {
    /// Copies the rows of `centres`, each of `columns` values.
    pub fn new(centres: &[f32], columns: usize) -> Self {
        let count = centres.len().checked_div(columns).unwrap_or(0);
        let mut values = vec![f32::INFINITY; columns * padded(count)];
        for (centre, row) in centres.chunks_exact(columns.max(1)).enumerate() {
            for (column, &value) in row.iter().enumerate() {
                values[column * padded(count) + centre] = value;
            }
        }
        Self { count, columns, values }
    }

    /// Calls `each` for every row of `points`, with its squared distances to all centres.
    pub fn distances(&self, points: &[f32], each: impl FnMut(&[f32])) {
        if self.count > 0 && self.columns > 0 {
            pulp::Arch::new().dispatch(Distances { centres: self, points, each });
        }
    }

    /// Calls `each` for every row of `points`, with its nearest centre and the squared distance; ties go to the lower
    /// number.
    pub fn nearest(&self, points: &[f32], mut each: impl FnMut(u32, f32)) {
        self.distances(points, |distances| {
            let least = distances.iter().fold(f32::INFINITY, |least, &d| if d < least { d } else { least });
            let centre = distances.iter().position(|&distance| distance == least).unwrap_or(0);
            each(centre as u32, least);
        });
    }
}

struct Distances<'a, F> {
    centres: &'a Centres,
    points: &'a [f32],
    each: F,
}

impl<F: FnMut(&[f32])> WithSimd for Distances<'_, F> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Centres { count, columns, ref values } = *self.centres;
        let width = padded(count);
        let (vectors, _) = S::as_simd_f32s(values);
        let mut sums = vec![0.0; POINTS * width];
        let blocks = self.points.chunks_exact(POINTS * columns);
        let rest = blocks.remainder().chunks_exact(columns);
        for block in blocks {
            squares::<S, POINTS>(simd, block, columns, vectors, &mut sums);
            sums.chunks_exact(width).for_each(|row| (self.each)(&row[..count]));
        }
        for point in rest {
            squares::<S, 1>(simd, point, columns, vectors, &mut sums[..width]);
            (self.each)(&sums[..count]);
        }
    }
}

/// The squared distances of `R` points to all centres, in tiles of two vectors.
#[inline(always)]
fn squares<S: Simd, const R: usize>(
    simd: S,
    points: &[f32],
    columns: usize,
    centres: &[S::f32s],
    sums: &mut [f32],
) {
    let (sums, _) = S::as_mut_simd_f32s(sums);
    let vectors = sums.len() / R;
    let mut first = 0;
    while first + 2 <= vectors {
        tile::<S, R, 2>(simd, points, columns, centres, first, sums);
        first += 2;
    }
    if first < vectors {
        tile::<S, R, 1>(simd, points, columns, centres, first, sums);
    }
}

#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    points: &[f32],
    columns: usize,
    centres: &[S::f32s],
    first: usize,
    sums: &mut [S::f32s],
) {
    let vectors = sums.len() / R;
    let mut tile = [[simd.splat_f32s(0.0); V]; R];
    for column in 0..columns {
        let centres = &centres[column * vectors + first..][..V];
        for (row, sums) in tile.iter_mut().enumerate() {
            let value = simd.splat_f32s(points[row * columns + column]);
            for (sum, &centre) in sums.iter_mut().zip(centres) {
                let difference = simd.sub_f32s(centre, value);
                *sum = simd.mul_add_e_f32s(difference, difference, *sum);
            }
        }
    }
    for (row, tile) in tile.iter().enumerate() {
        sums[row * vectors + first..][..V].copy_from_slice(tile);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(point: &[f32], centre: &[f32]) -> f32 {
        point.iter().zip(centre).map(|(x, c)| (x - c) * (x - c)).sum()
    }

    proptest! {
        #[test]
        fn distances_agree_with_the_plain_sum(columns in 1usize..20, count in 1usize..70, rows in 0usize..11, far in 0u8..2) {
            let value = |i: usize| (crate::seed::mix(i as u64) >> 40) as f32 / 1e7 + f32::from(far) * 1000.0;
            let points: Vec<f32> = (0..rows * columns).map(value).collect();
            let centres: Vec<f32> = (1000..1000 + count * columns).map(value).collect();
            let mut found = Vec::new();
            Centres::new(&centres, columns).nearest(&points, |centre, distance| found.push((centre, distance)));
            prop_assert_eq!(found.len(), rows);
            for (point, (centre, distance)) in points.chunks(columns).zip(found) {
                let all: Vec<f32> = centres.chunks(columns).map(|centre| plain(point, centre)).collect();
                let least = all.iter().copied().fold(f32::INFINITY, f32::min);
                prop_assert!((distance - least).abs() <= 1e-4 * (1.0 + least));
                prop_assert!((all[centre as usize] - least).abs() <= 1e-4 * (1.0 + least));
            }
        }
    }

    #[test]
    fn ties_go_to_the_lower_number() {
        let mut found = Vec::new();
        Centres::new(&[1.0, -1.0, 1.0], 1)
            .nearest(&[0.0, 2.0], |centre, distance| found.push((centre, distance)));
        assert_eq!(found, [(0, 1.0), (0, 1.0)]);
    }
}
