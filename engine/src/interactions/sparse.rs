//! Compressed sparse rows, in both orientations.

use crate::error::{EngineError, Result};
use bytemuck::cast_slice;

/// A sparse matrix by rows: the entries of row r are `columns[starts[r]..starts[r + 1]]`, ascending,
/// with `values` beside them.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseRows {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
    width: usize,
}

/// Sparse rows that somebody else holds, in a file that is mapped: what belongs to a row lies together, so that it is two
/// reads of memory far apart and not three.
#[derive(Clone, Copy, Debug, Default)]
pub struct SparseView<'a> {
    /// Of each row the word at which it begins.
    pub starts: &'a [u64],
    /// Of each row the number of its entries.
    pub lengths: &'a [u32],
    /// Of each row the columns, ascending, then the bits of the values.
    pub words: &'a [u32],
}

impl<'a> SparseView<'a> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len()
    }

    /// The columns and values of a row.
    #[inline(always)]
    pub fn row(&self, row: usize) -> (&'a [u32], &'a [f32]) {
        let (start, length) = (self.starts[row] as usize, self.lengths[row] as usize);
        let (columns, values) = self.words[start..start + 2 * length].split_at(length);
        (columns, cast_slice(values))
    }
}

impl SparseRows {
    /// Rows from their parts.
    ///
    /// # Errors
    /// [`EngineError::Shape`] where the parts do not fit together.
    pub fn new(width: usize, starts: Vec<usize>, columns: Vec<u32>, values: Vec<f32>) -> Result<Self> {
        let entries = starts.last().copied().unwrap_or(0);
        for (what, found) in [("columns", columns.len()), ("values", values.len())] {
            if found != entries {
                return Err(EngineError::Shape { what, expected: entries, found });
            }
        }
        if columns.iter().any(|&c| c as usize >= width) {
            return Err(EngineError::Shape {
                what: "columns below the width",
                expected: width,
                found: width + 1,
            });
        }
        Ok(Self { starts, columns, values, width })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of entries.
    pub fn entries(&self) -> usize {
        self.columns.len()
    }

    /// The columns and values of a row.
    #[inline(always)]
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// Number of entries of a row.
    #[inline(always)]
    pub fn row_len(&self, row: usize) -> usize {
        self.starts[row + 1] - self.starts[row]
    }

    /// All values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Rows become columns; entries of a row stay in ascending order.
    pub fn transposed(&self) -> Self {
        let mut starts = vec![0; self.width + 1];
        for &column in &self.columns {
            starts[column as usize + 1] += 1;
        }
        for i in 0..self.width {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut columns = vec![0; self.columns.len()];
        let mut values = vec![0.0; self.values.len()];
        for row in 0..self.rows() {
            let (items, weights) = self.row(row);
            for (&item, &weight) in items.iter().zip(weights) {
                let place = next[item as usize];
                columns[place] = row as u32;
                values[place] = weight;
                next[item as usize] += 1;
            }
        }
        Self { starts, columns, values, width: self.rows() }
    }
}

/// Who did something to what, how strongly: the same entries by user and by item. A user may have items besides, which
/// do not count.
#[derive(Clone, Debug, PartialEq)]
pub struct Interactions {
    by_user: SparseRows,
    by_item: SparseRows,
    scale: WeightScale,
    seen: Seen,
    weightless: usize,
}

/// How weights became confidences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightScale {
    /// The weight that became a confidence of 1, after the shift.
    pub median: f32,
    /// The exponent of the power of two that weights were multiplied by, see [`super::Weighting::shift`].
    pub shift: f64,
}

/// All items of those users who have more than count: those of user u, ascending, are
/// `items[starts[u]..starts[u + 1]]`. Without users where nobody has more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    starts: Vec<usize>,
    items: Vec<u32>,
}

impl Seen {
    /// From the items of each user, or none for one whose items all count.
    pub fn new(of_users: impl Iterator<Item = Vec<u32>>) -> Self {
        let mut seen = Self { starts: vec![0], items: Vec::new() };
        for items in of_users {
            seen.items.extend(items);
            seen.starts.push(seen.items.len());
        }
        if seen.items.is_empty() { Self::default() } else { seen }
    }

    /// All items of a user who has more than count.
    pub fn of_user(&self, user: usize) -> Option<&[u32]> {
        let range = *self.starts.get(user)?..*self.starts.get(user + 1)?;
        (!range.is_empty()).then(|| &self.items[range])
    }
}

impl Interactions {
    /// Interactions from their rows by user (users × items) whose values are confidences.
    pub fn new(by_user: SparseRows) -> Self {
        Self::scaled(by_user, WeightScale { median: 1.0, shift: 0.0 })
    }

    /// Interactions whose confidences were made of weights in this way.
    pub fn scaled(by_user: SparseRows, scale: WeightScale) -> Self {
        let by_item = by_user.transposed();
        Self { by_user, by_item, scale, seen: Seen::default(), weightless: 0 }
    }

    /// The same, of users who have more than counts: `weightless` events weigh nothing beside the others.
    pub fn beside(self, seen: Seen, weightless: usize) -> Self {
        Self { seen, weightless, ..self }
    }

    /// How weights became confidences.
    pub fn scale(&self) -> WeightScale {
        self.scale
    }

    /// All items that a user has, ascending, whether they count or not.
    pub fn seen(&self, user: usize) -> &[u32] {
        self.seen.of_user(user).unwrap_or_else(|| self.by_user.row(user).0)
    }

    /// The same, where a user has more than counts.
    pub fn seen_besides(&self, user: usize) -> Option<&[u32]> {
        self.seen.of_user(user)
    }

    /// Events that weigh so little beside the others that they do not count.
    pub fn weightless(&self) -> usize {
        self.weightless
    }

    /// Number of users.
    pub fn users(&self) -> usize {
        self.by_user.rows()
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.by_item.rows()
    }

    /// Number of (user, item) pairs.
    pub fn entries(&self) -> usize {
        self.by_user.entries()
    }

    /// Items and confidences of each user.
    pub fn by_user(&self) -> &SparseRows {
        &self.by_user
    }

    /// Users and confidences of each item.
    pub fn by_item(&self) -> &SparseRows {
        &self.by_item
    }
}
