//! Vectors of many rows at half precision: a `f16` per number, and a power of two per row that brings the largest number
//! to between 1 and 2. So a number is off by at most 2⁻¹¹ of itself, or 2⁻²⁵ of the largest of its row, and every finite
//! `f32` has a place. A cosine of embeddings moves by about 10⁻⁵.

use crate::error::{EngineError, Result};
use crate::linalg::vector::dot;
use crate::memory::ask;
use crate::observer::Observer;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// The scale of a row that is null.
const NULL: f32 = 0.0;
/// Rows between two checks for cancellation.
const ROWS: usize = 1_024;
/// The place of a row that has none.
const NONE: u32 = u32::MAX;

/// Rows of the same number of columns; a row may be null.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HalfRows {
    columns: usize,
    values: Vec<f16>,
    /// The power of two of each row, or [`NULL`].
    scales: Vec<f32>,
}

/// A row of [`HalfRows`] that is not null.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfRow<'a> {
    values: &'a [f16],
    scale: f32,
}

impl HalfRow<'_> {
    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.values.len()
    }

    /// Writes the numbers to a slice of as many.
    pub fn read(&self, to: &mut [f32]) {
        self.values.convert_to_f32_slice(to);
        to.iter_mut().for_each(|x| *x *= self.scale);
    }

    /// `Σ x_i q_i`, with a buffer of as many columns.
    pub fn product(&self, query: &[f32], buffer: &mut [f32]) -> f32 {
        self.values.convert_to_f32_slice(buffer);
        self.scale * dot(buffer, query)
    }

    /// Whether all numbers are zero, so that the vector has no direction.
    pub fn is_zero(&self) -> bool {
        self.values.iter().all(|value| value.to_bits() << 1 == 0)
    }
}

impl HalfRows {
    /// No rows yet, of so many columns.
    pub fn new(columns: usize) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Rows that are all null.
    pub fn nulls(columns: usize, rows: usize) -> Self {
        Self { columns, values: vec![f16::ZERO; columns * rows], scales: vec![NULL; rows] }
    }

    /// A single row.
    ///
    /// # Errors
    /// [`EngineError::NoMemory`].
    pub fn of(vector: &[f32]) -> Result<Self> {
        let mut rows = Self::new(vector.len());
        rows.push(vector)?;
        Ok(rows)
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.scales.len()
    }

    /// Appends a row of finite numbers.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if it has another number of columns, [`EngineError::NoMemory`].
    pub fn push(&mut self, vector: &[f32]) -> Result<()> {
        if vector.len() != self.columns {
            let (what, found) = ("columns of a vector", vector.len());
            return Err(EngineError::Shape { what, expected: self.columns, found });
        }
        self.make_room()?;
        let largest = vector.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let scale = match largest {
            0.0 => 1.0,
            // The exponent without the fraction.
            _ => f32::from_bits(largest.max(f32::MIN_POSITIVE).to_bits() & 0x7f80_0000),
        };
        let scaled: Vec<f32> = vector.iter().map(|x| x / scale).collect();
        let start = self.values.len();
        self.values.resize(start + self.columns, f16::ZERO);
        self.values[start..].convert_from_f32_slice(&scaled);
        self.scales.push(scale);
        Ok(())
    }

    /// Appends a null.
    ///
    /// # Errors
    /// [`EngineError::NoMemory`].
    pub fn push_null(&mut self) -> Result<()> {
        self.make_room()?;
        self.values.resize(self.values.len() + self.columns, f16::ZERO);
        self.scales.push(NULL);
        Ok(())
    }

    /// Makes room for another row, and for a quarter as many as there are: doubling could take as much again.
    fn make_room(&mut self) -> Result<()> {
        let (held, more) = (self.values.len(), self.columns.max(self.values.len() / 4));
        if self.values.capacity() - held < self.columns {
            ask(2 * (held + more), || self.values.try_reserve_exact(more))?;
        }
        Ok(())
    }

    /// A row; `None` if it is null, or there is no such row.
    pub fn row(&self, row: usize) -> Option<HalfRow<'_>> {
        let scale = self.scales.get(row).copied().filter(|&scale| scale != NULL)?;
        let values = self.values.get(row * self.columns..(row + 1) * self.columns)?;
        Some(HalfRow { values, scale })
    }

    /// Rows whose row i is row `rows[i]` of these, or null: in place if each is taken at most once.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn into_scattered(mut self, rows: &[Option<u32>], observer: &dyn Observer) -> Result<Self> {
        let count = rows.len().max(self.rows());
        let mut source = vec![NONE; count];
        let mut taken = vec![false; count];
        for (target, row) in rows.iter().enumerate() {
            let Some(row) = row.filter(|&row| (row as usize) < self.rows()) else { continue };
            if std::mem::replace(&mut taken[row as usize], true) {
                return Ok(self.scattered(rows));
            }
            source[target] = row;
        }
        // The others get what is left, and become null.
        let is_null: Vec<bool> = source.iter().map(|&row| row == NONE).collect();
        let mut left = (0..count as u32).filter(|&row| !taken[row as usize]);
        source.iter_mut().filter(|row| **row == NONE).for_each(|row| *row = left.next().unwrap_or(NONE));
        self.values.resize(count * self.columns, f16::ZERO);
        self.scales.resize(count, NULL);
        self.permute(&mut source, observer)?;
        self.values.truncate(rows.len() * self.columns);
        self.scales.truncate(rows.len());
        for (scale, is_null) in self.scales.iter_mut().zip(is_null) {
            *scale = if is_null { NULL } else { *scale };
        }
        for (values, scale) in self.values.chunks_mut(self.columns.max(1)).zip(&self.scales) {
            if *scale == NULL {
                values.fill(f16::ZERO);
            }
        }
        Ok(self)
    }

    /// Moves row `source[i]` to place i, along the cycles of the permutation; `source` becomes the identity.
    fn permute(&mut self, source: &mut [u32], observer: &dyn Observer) -> Result<()> {
        let (columns, mut moved) = (self.columns, 0usize);
        for start in 0..source.len() {
            if source[start] as usize == start {
                continue;
            }
            let first = self.values[start * columns..(start + 1) * columns].to_vec();
            let (scale, mut place) = (self.scales[start], start);
            loop {
                let next = std::mem::replace(&mut source[place], place as u32) as usize;
                if next == start {
                    break;
                }
                self.values.copy_within(next * columns..(next + 1) * columns, place * columns);
                self.scales[place] = self.scales[next];
                place = next;
                moved += 1;
                if moved.is_multiple_of(ROWS) {
                    observer.check()?;
                }
            }
            self.values[place * columns..(place + 1) * columns].copy_from_slice(&first);
            self.scales[place] = scale;
        }
        Ok(())
    }

    /// A copy whose row i is row `rows[i]` of these, or null.
    #[must_use]
    pub fn scattered(&self, rows: &[Option<u32>]) -> Self {
        let mut picked = Self::nulls(self.columns, rows.len());
        for (place, row) in rows.iter().enumerate() {
            if let Some(row) = row.and_then(|row| self.row(row as usize)) {
                let to = place * self.columns;
                picked.values[to..to + self.columns].copy_from_slice(row.values);
                picked.scales[place] = row.scale;
            }
        }
        picked
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        2 * self.values.capacity() + 4 * self.scales.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::{CancelAfter, Silent};
    use crate::seed::mix;

    fn read(rows: &HalfRows, row: usize) -> Option<Vec<f32>> {
        let mut numbers = vec![0.0; rows.columns()];
        rows.row(row).map(|row| row.read(&mut numbers))?;
        Some(numbers)
    }

    #[test]
    fn numbers_of_any_size_keep_eleven_bits() {
        let mut rows = HalfRows::new(3);
        let vectors = [[1.0f32, -2.5, 1e-3], [3e38, -1e37, 2e36], [1e-38, 3e-39, -2e-38], [0.0; 3]];
        vectors.iter().for_each(|vector| rows.push(vector).unwrap());
        for (row, vector) in vectors.iter().enumerate() {
            let largest = vector.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
            for (x, found) in vector.iter().zip(read(&rows, row).unwrap()) {
                assert!((x - found).abs() <= x.abs() / 2048.0 + largest * 3e-8, "{x} {found}");
            }
        }
        assert!(rows.row(3).unwrap().is_zero() && !rows.row(2).unwrap().is_zero());
        assert!(matches!(rows.push(&[1.0]), Err(EngineError::Shape { expected: 3, found: 1, .. })));
        assert_eq!(rows.rows(), 4);
    }

    #[test]
    fn moving_many_rows_ends_when_cancelled() {
        let rows = HalfRows::nulls(1, 5_000);
        let order: Vec<Option<u32>> = (0..5_000).map(|row| Some((row + 1) % 5_000)).collect();
        assert_eq!(rows.into_scattered(&order, &CancelAfter::new(1)), Err(EngineError::Cancelled));
    }

    #[test]
    fn rows_move_in_place_as_they_are_copied() {
        for seed in 0..200 {
            let random = |n: u64, below: u64| mix(seed << 20 | n) % below;
            let (held, wanted) = (random(1, 9) as usize, random(2, 12) as usize);
            let mut rows = HalfRows::new(2);
            for row in 0..held {
                if random(10 + row as u64, 5) == 0 {
                    rows.push_null().unwrap();
                } else {
                    rows.push(&[row as f32 + 1.0, -0.5]).unwrap();
                }
            }
            // Some rows occur twice in half of the cases.
            let mut order: Vec<Option<u32>> = (0..12).map(Some).collect();
            order.sort_by_key(|row| mix(seed ^ u64::from(row.unwrap_or(0)) << 8));
            order.truncate(wanted);
            if seed % 2 == 0 && wanted > 2 {
                (order[0], order[1]) = (order[2], None);
            }
            let moved = rows.clone().into_scattered(&order, &Silent).unwrap();
            assert_eq!(moved, rows.scattered(&order), "{held} {order:?}");
        }
    }
}
