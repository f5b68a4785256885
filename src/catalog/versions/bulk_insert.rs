//! One INSERT of many rows: how many at once, and arrays of rows of different lengths as arguments.

use segrec_engine::batches::batched;
use std::ops::Range;

/// Rows of one INSERT: at 64 factors a megabyte of arguments.
const BATCH_ROWS: usize = 4096;
/// Bytes of its arguments, unless a single row has more: an array has a gigabyte at most, and there are several copies.
const BATCH_BYTES: usize = 64 << 20;

/// The rows of one INSERT after the other, where each row has so many bytes.
pub fn batches(rows: usize, bytes: impl Fn(usize) -> usize) -> impl Iterator<Item = Range<usize>> {
    batched(rows, BATCH_ROWS, BATCH_BYTES, bytes)
}

/// Rows of different lengths in one array, and where each ends: the arguments of an INSERT of many rows.
#[derive(Default)]
pub struct Ragged<T> {
    pub values: Vec<T>,
    pub lengths: Vec<i32>,
    pub lasts: Vec<i32>,
}

impl<T> Ragged<T> {
    pub fn push(&mut self, row: impl Iterator<Item = T>) {
        let before = self.values.len();
        self.values.extend(row);
        self.lengths.push((self.values.len() - before) as i32);
        self.lasts.push(self.values.len() as i32);
    }
}

/// A row of a ragged array: null where the array is.
pub fn slice(values: &str, length: &str, last: &str) -> String {
    format!("({values})[{last} - {length} + 1 : {last}]")
}

/// The same, and empty where a row of no values has no slice.
pub fn filled(values: &str, length: &str, last: &str) -> String {
    format!("COALESCE({}, '{{}}')", slice(values, length, last))
}
