//! INSERTs of many rows: batch sizes, and arguments for rows of different lengths.

use segrec_engine::batches::batched;
use std::ops::Range;

/// The maximum number of rows per INSERT; with 64 factors a megabyte of arguments.
const BATCH_ROWS: usize = 4096;
/// The maximum number of bytes of arguments, unless a single row takes more. Arrays are limited to a gigabyte, and
/// several copies of them exist at once.
const BATCH_BYTES: usize = 64 << 20;

/// Divides rows into consecutive batches; `bytes` is the size of a row.
pub fn batches(rows: usize, bytes: impl Fn(usize) -> usize) -> impl Iterator<Item = Range<usize>> {
    batched(rows, BATCH_ROWS, BATCH_BYTES, bytes)
}

/// Rows of different lengths, concatenated, with the end of each: the arguments of an INSERT of many rows.
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

/// The SQL expression of one row of a ragged array; null if the array is null.
pub fn slice(values: &str, length: &str, last: &str) -> String {
    format!("({values})[{last} - {length} + 1 : {last}]")
}

/// Like [`slice()`], but an empty array for a row without values.
pub fn filled(values: &str, length: &str, last: &str) -> String {
    format!("COALESCE({}, '{{}}')", slice(values, length, last))
}
