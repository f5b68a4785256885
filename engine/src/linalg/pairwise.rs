//! Squared Euclidean distances between all rows of two sets, on the calling thread. Differences are squared as
//! they are: ‖x‖² + ‖c‖² − 2x·c as a matrix product would lose all digits of rows that lie far from zero and close
//! together.
//!
//! 3·n·k·columns flops as a subtraction and a fused multiply-add; the packed rows are read from the cache.

use super::padded;
use crate::matrix::Rows;
use pulp::{Simd, WithSimd};

/// Points that share each load of the packed rows: four points × two vectors of these fill eight registers with
/// sums, enough to hide the latency of the fused multiply-add.
const POINTS: usize = 4;

/// Rows, stored so that one value of many of them lies together.
#[derive(Clone, Debug)]
pub struct PackedRows {
    count: usize,
    columns: usize,
    /// columns × padded count; the padding is infinitely far away.
    values: Vec<f32>,
}

impl PackedRows {
    /// Packs rows.
    pub fn new(rows: Rows<'_>) -> Self {
        let (count, columns) = (rows.rows(), rows.columns());
        let mut values = vec![f32::INFINITY; columns * padded(count)];
        for row in 0..count {
            for (column, &value) in rows.row(row).iter().enumerate() {
                values[column * padded(count) + row] = value;
            }
        }
        Self { count, columns, values }
    }

    /// ‖x − c‖² of every row of `points` and every packed row, as points × count.
    pub fn squared_distances(&self, points: &[f32], distances: &mut [f32]) {
        if self.count > 0 {
            pulp::Arch::new().dispatch(Distances { packed: self, points, distances });
        }
    }
}

struct Distances<'a> {
    packed: &'a PackedRows,
    points: &'a [f32],
    distances: &'a mut [f32],
}

impl WithSimd for Distances<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let PackedRows { count, columns, ref values } = *self.packed;
        let width = padded(count);
        let (vectors, _) = S::as_simd_f32s(values);
        let mut sums = vec![0.0; POINTS * width];
        let blocks = self.points.chunks(POINTS * columns);
        for (points, distances) in blocks.zip(self.distances.chunks_mut(POINTS * count)) {
            if points.len() == POINTS * columns {
                squares::<S, POINTS>(simd, points, columns, vectors, &mut sums);
            } else {
                for (point, sums) in points.chunks(columns).zip(sums.chunks_mut(width)) {
                    squares::<S, 1>(simd, point, columns, vectors, sums);
                }
            }
            for (distances, sums) in distances.chunks_mut(count).zip(sums.chunks(width)) {
                distances.copy_from_slice(&sums[..count]);
            }
        }
    }
}

/// The squared distances of `R` points to all packed rows, in tiles of two vectors.
#[inline(always)]
fn squares<S: Simd, const R: usize>(
    simd: S,
    points: &[f32],
    columns: usize,
    packed: &[S::f32s],
    sums: &mut [f32],
) {
    let (sums, _) = S::as_mut_simd_f32s(sums);
    let vectors = sums.len() / R;
    let mut first = 0;
    while first + 2 <= vectors {
        tile::<S, R, 2>(simd, points, columns, packed, first, sums);
        first += 2;
    }
    if first < vectors {
        tile::<S, R, 1>(simd, points, columns, packed, first, sums);
    }
}

#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    points: &[f32],
    columns: usize,
    packed: &[S::f32s],
    first: usize,
    sums: &mut [S::f32s],
) {
    let vectors = sums.len() / R;
    let mut tile = [[simd.splat_f32s(0.0); V]; R];
    for column in 0..columns {
        let packed = &packed[column * vectors + first..][..V];
        for (row, sums) in tile.iter_mut().enumerate() {
            let value = simd.splat_f32s(points[row * columns + column]);
            for (sum, &other) in sums.iter_mut().zip(packed) {
                let difference = simd.sub_f32s(other, value);
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

    proptest! {
        #[test]
        fn distances_agree_with_the_plain_sum(columns in 1usize..20, count in 1usize..70, rows in 0usize..11, far in 0u8..2) {
            let value = |i: usize| (crate::seed::mix(i as u64) >> 40) as f32 / 1e7 + f32::from(far) * 1000.0;
            let points: Vec<f32> = (0..rows * columns).map(value).collect();
            let others: Vec<f32> = (1000..1000 + count * columns).map(value).collect();
            let mut found = vec![f32::NAN; rows * count];
            PackedRows::new(Rows::new(columns, &others).unwrap()).squared_distances(&points, &mut found);
            for (point, found) in points.chunks(columns).zip(found.chunks(count)) {
                for (other, distance) in others.chunks(columns).zip(found) {
                    let plain: f32 = point.iter().zip(other).map(|(x, c)| (x - c) * (x - c)).sum();
                    prop_assert!((distance - plain).abs() <= 1e-4 * (1.0 + plain));
                }
            }
        }
    }
}
