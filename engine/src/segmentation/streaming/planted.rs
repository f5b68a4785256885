//! Rows with planted groups, for tests: row r belongs to group r mod `groups`, around a corner that is far from the
//! others.

use crate::seed::mix;

fn uniform(number: u64) -> f32 {
    (mix(number) >> 40) as f32 / (1u64 << 24) as f32
}

/// Returns `count` rows of `columns` values.
pub fn rows(count: usize, columns: usize, groups: usize) -> Vec<f32> {
    (0..count * columns)
        .map(|at| {
            let (row, column) = (at / columns, at % columns);
            let corner = uniform((((row % groups) * columns + column) as u64) << 32);
            10.0 * corner + uniform(at as u64 + 1) - 0.5
        })
        .collect()
}
