//! A sample of rows with labels: all rows up to a bound, and a uniform sample of them beyond it, which can be merged
//! with others. Each row draws a number, and the rows with the smallest numbers are kept (bottom-k sampling, Cohen &
//! Kaplan 2007). The smallest of two samples together are the smallest of all their rows.
//!
//! Up to twice the bound is held before rows are dropped, so a row costs a hash of its values and, if its number is
//! among the smallest, a copy.

use crate::error::Result as EngineResult;
use crate::matrix::Matrix;
use crate::memory;
use crate::seed;
use serde::{Deserialize, Serialize};

/// The largest number of rows: the silhouette compares all pairs of them, and its standard error is then below 0.01.
pub const MOST_ROWS: usize = 10_000;
/// The largest number of values, 16 MB. If rows have more than 400 values, the sample has fewer of them …
const MOST_VALUES: usize = 1 << 22;
/// … but at least this number.
const LEAST_ROWS: usize = 1000;

/// Rows of equal length, with the label of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct LabelledSample {
    columns: usize,
    /// The number of rows that were added.
    rows: u64,
    values: Vec<f32>,
    labels: Vec<u32>,
    /// The number that each kept row drew.
    draws: Vec<u64>,
    /// Rows that drew a larger number are not among the smallest.
    limit: u64,
}

/// A sample as it is read, before it is checked.
#[derive(Deserialize)]
struct Raw {
    columns: usize,
    rows: u64,
    values: Vec<f32>,
    labels: Vec<u32>,
    draws: Vec<u64>,
    limit: u64,
}

impl TryFrom<Raw> for LabelledSample {
    type Error = &'static str;

    fn try_from(raw: Raw) -> Result<Self, Self::Error> {
        let Raw { columns, rows, values, labels, draws, limit } = raw;
        let fits = labels.len() == draws.len() && labels.len().checked_mul(columns) == Some(values.len());
        if columns == 0 || !fits || !values.iter().all(|value| value.is_finite()) {
            return Err("a sample whose parts do not fit together");
        }
        Ok(Self { columns, rows, values, labels, draws, limit })
    }
}

impl LabelledSample {
    /// A sample of no rows, which will have `columns` values, at least 1.
    pub fn new(columns: usize) -> Self {
        Self { columns, rows: 0, values: Vec::new(), labels: Vec::new(), draws: Vec::new(), limit: u64::MAX }
    }

    /// The number of values of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of rows that were added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The largest number of rows that are kept.
    pub fn bound(&self) -> usize {
        (MOST_VALUES / self.columns).clamp(LEAST_ROWS, MOST_ROWS)
    }

    /// The number of bytes that the sample takes.
    pub fn memory(&self) -> usize {
        let (values, labels) = (self.values.capacity(), self.labels.capacity());
        size_of::<f32>() * (values + labels) + size_of::<u64>() * self.draws.capacity()
    }

    /// The number of bytes that `rows` more rows would take, in addition to those already taken until they are copied.
    pub fn growth(&self, rows: usize) -> usize {
        let more = memory::growth(&self.values, rows.saturating_mul(self.columns));
        more.saturating_add(memory::growth(&self.labels, rows))
            .saturating_add(memory::growth(&self.draws, rows))
    }

    /// Adds a row of `columns` finite values.
    ///
    /// # Errors
    /// [`crate::EngineError::NoMemory`].
    pub fn add(&mut self, row: &[f32], label: u32) -> EngineResult<()> {
        // The hash includes the row's number, so that equal rows are not all kept or all dropped, and its values, so
        // that the samples of two workers do not choose the same row numbers.
        let hash = |hash: u64, value: &f32| seed::mix(hash ^ u64::from(value.to_bits()));
        let draw = row.iter().fold(seed::mix(self.rows ^ u64::from(label) << 32), hash);
        self.rows += 1;
        self.take(row, label, draw)?;
        if self.draws.len() >= 2 * self.bound() {
            self.sieve()?;
        }
        Ok(())
    }

    /// Adds all rows of a sample with the same columns.
    ///
    /// # Errors
    /// [`crate::EngineError::NoMemory`].
    pub fn merge(&mut self, other: &Self) -> EngineResult<()> {
        self.rows = self.rows.saturating_add(other.rows);
        self.limit = self.limit.min(other.limit);
        for (row, (&label, &draw)) in
            other.values.chunks_exact(self.columns).zip(other.labels.iter().zip(&other.draws))
        {
            self.take(row, label, draw)?;
        }
        self.sieve()
    }

    fn take(&mut self, row: &[f32], label: u32, draw: u64) -> EngineResult<()> {
        if draw <= self.limit {
            memory::reserve(&mut self.values, row.len())?;
            memory::reserve(&mut self.labels, 1)?;
            memory::reserve(&mut self.draws, 1)?;
            self.values.extend_from_slice(row);
            self.labels.push(label);
            self.draws.push(draw);
        }
        Ok(())
    }

    /// Keeps the rows that drew the smallest numbers, in their order.
    fn sieve(&mut self) -> EngineResult<()> {
        if self.draws.len() > self.bound() {
            let mut draws = memory::copied(&self.draws)?;
            let (_, &mut largest, _) = draws.select_nth_unstable(self.bound() - 1);
            self.limit = self.limit.min(largest);
        }
        let mut kept = 0;
        for row in 0..self.draws.len() {
            if self.draws[row] <= self.limit {
                self.values.copy_within(row * self.columns..(row + 1) * self.columns, kept * self.columns);
                self.labels[kept] = self.labels[row];
                self.draws[kept] = self.draws[row];
                kept += 1;
            }
        }
        self.values.truncate(kept * self.columns);
        self.labels.truncate(kept);
        self.draws.truncate(kept);
        Ok(())
    }

    /// Returns the kept rows, at most [`Self::bound`], and their labels.
    ///
    /// # Errors
    /// [`crate::EngineError::NoMemory`].
    pub fn kept(&self) -> EngineResult<(Matrix, Vec<u32>)> {
        let mut kept = Self {
            values: memory::copied(&self.values)?,
            labels: memory::copied(&self.labels)?,
            draws: memory::copied(&self.draws)?,
            ..*self
        };
        kept.sieve()?;
        Ok((Matrix::from_data(kept.columns, kept.values)?, kept.labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rows: std::ops::Range<u32>) -> LabelledSample {
        let mut sample = LabelledSample::new(2);
        rows.for_each(|row| sample.add(&[row as f32, (row % 7) as f32], row).unwrap());
        sample
    }

    #[test]
    fn all_rows_are_kept_up_to_the_bound() {
        let (points, labels) = sample(0..10_000).kept().unwrap();
        assert_eq!(labels, (0..10_000).collect::<Vec<u32>>());
        assert_eq!(points.row(9_999), [9999.0, 3.0]);
    }

    #[test]
    fn beyond_the_bound_every_row_has_the_same_chance_also_when_merged() {
        let mut merged = sample(0..30_000);
        merged.merge(&sample(30_000..100_000)).unwrap();
        assert_eq!(merged.rows(), 100_000);
        for whole in [sample(0..100_000), merged] {
            let (points, labels) = whole.kept().unwrap();
            assert_eq!((points.rows(), labels.len()), (10_000, 10_000));
            // 2,000 rows of each fifth are expected, with a standard deviation of 40.
            for fifth in 0..5u32 {
                let count = labels.iter().filter(|&label| label / 20_000 == fifth).count();
                assert!(count.abs_diff(2000) < 200, "{fifth}: {count}");
            }
            assert!(labels.iter().enumerate().all(|(row, &label)| points.row(row)[0] == label as f32));
        }
    }

    #[test]
    fn copies_of_one_row_are_sampled_too() {
        let mut sample = LabelledSample::new(1);
        (0..100_000).for_each(|_| sample.add(&[1.0], 3).unwrap());
        assert_eq!(sample.kept().unwrap().1.len(), 10_000);
    }

    #[test]
    fn memory_is_bounded_for_long_rows() {
        let mut sample = LabelledSample::new(4096);
        assert_eq!(sample.bound(), 1024);
        (0..5000u32).for_each(|row| sample.add(&[row as f32; 4096], row).unwrap());
        assert!(sample.labels.len() <= 2048);
    }

    #[test]
    fn what_is_read_back_is_what_was_written_and_nonsense_is_refused() {
        let mut sample = sample(0..50);
        let bytes = postcard::to_allocvec(&sample).unwrap();
        assert_eq!(postcard::from_bytes::<LabelledSample>(&bytes).unwrap(), sample);
        sample.labels.pop();
        let bytes = postcard::to_allocvec(&sample).unwrap();
        assert!(postcard::from_bytes::<LabelledSample>(&bytes).is_err());
    }
}
