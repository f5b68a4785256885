//! The largest weights of every source by absolute value. Keeping the largest per target instead loses a tenth of the
//! ranking quality. Ties go to the lower item, so the result depends neither on the order of the weights nor on the
//! number of threads.

use crate::error::Result;
use crate::interactions::SparseRows;
use std::cmp::Ordering;

/// An item and its weight.
pub type Weighted = (u32, f32);

/// Orders by decreasing absolute weight, then by item.
fn order(a: &Weighted, b: &Weighted) -> Ordering {
    b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0))
}

/// Truncates `weights` to the `kept` strongest, in unspecified order. Takes linear time.
pub fn keep_strongest(weights: &mut Vec<Weighted>, kept: usize) {
    if weights.len() > kept {
        if kept > 0 {
            weights.select_nth_unstable_by(kept - 1, order);
        }
        weights.truncate(kept);
    }
}

/// Rows that accept one weight at a time and never hold more than twice the number they keep.
#[derive(Clone, Debug)]
pub struct Strongest {
    kept: usize,
    rows: Vec<Vec<Weighted>>,
}

impl Strongest {
    /// Creates empty rows for `sources` sources.
    pub fn new(sources: usize, kept: usize) -> Self {
        Self { kept, rows: vec![Vec::new(); sources] }
    }

    /// Offers a weight to the row of `source`.
    pub fn push(&mut self, source: u32, target: u32, weight: f32) {
        let row = &mut self.rows[source as usize];
        row.push((target, weight));
        if row.len() >= self.kept.saturating_mul(2) {
            keep_strongest(row, self.kept);
        }
    }

    /// Returns the rows as a sparse matrix, sources × `targets`.
    ///
    /// # Errors
    /// [`crate::EngineError::Shape`] where a target is not below `targets`.
    pub fn finish(mut self, targets: usize) -> Result<SparseRows> {
        self.rows.iter_mut().for_each(|row| keep_strongest(row, self.kept));
        sparse_rows(self.rows, targets)
    }
}

/// Builds a sparse matrix (rows × `width`) from unordered lists of (item, weight).
///
/// # Errors
/// [`crate::EngineError::Shape`] where an item is not below `width`.
pub fn sparse_rows(mut rows: Vec<Vec<Weighted>>, width: usize) -> Result<SparseRows> {
    let mut starts = vec![0];
    let entries = rows.iter().map(Vec::len).sum();
    let (mut columns, mut values) = (Vec::with_capacity(entries), Vec::with_capacity(entries));
    for row in &mut rows {
        row.sort_unstable_by_key(|weighted| weighted.0);
        columns.extend(row.iter().map(|weighted| weighted.0));
        values.extend(row.iter().map(|weighted| weighted.1));
        starts.push(columns.len());
    }
    SparseRows::new(width, starts, columns, values)
}
