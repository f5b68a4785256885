//! Compressed sparse rows, and interactions in both orientations.

use super::repeats::{Repeat, Repeats};
use super::withheld::Withheld;
use crate::error::{EngineError, Result};
use bytemuck::cast_slice;

/// A sparse matrix in CSR form: the entries of row r are `columns[starts[r]..starts[r + 1]]`, ascending, and the values
/// at the same indexes.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseRows {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
    width: usize,
}

/// A borrowed sparse matrix, for example in a mapped file. The columns and values of a row are adjacent, so that
/// reading a row takes two cache misses instead of three.
#[derive(Clone, Copy, Debug, Default)]
pub struct SparseView<'a> {
    /// The index in `words` at which each row begins.
    pub starts: &'a [u64],
    /// The number of entries of each row.
    pub lengths: &'a [u32],
    /// For each row its columns, ascending, followed by the bits of its values.
    pub words: &'a [u32],
}

impl<'a> SparseView<'a> {
    /// The number of rows.
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
    /// Builds a matrix from its parts.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the parts do not match.
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

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of entries.
    pub fn entries(&self) -> usize {
        self.columns.len()
    }

    /// The columns and values of a row.
    #[inline(always)]
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// The places of a row's entries among all entries.
    pub fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.starts[row]..self.starts[row + 1]
    }

    /// The same entries with other values, of which there must be as many.
    pub fn with_values(&self, values: Vec<f32>) -> Self {
        debug_assert_eq!(values.len(), self.values.len());
        Self { starts: self.starts.clone(), columns: self.columns.clone(), values, width: self.width }
    }

    /// The number of entries of a row.
    #[inline(always)]
    pub fn row_len(&self, row: usize) -> usize {
        self.starts[row + 1] - self.starts[row]
    }

    /// The values of all entries, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The transposed matrix, with ascending columns.
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

/// The confidences of all (user, item) pairs, by user and by item. Users may have further items that do not count.
#[derive(Clone, Debug, PartialEq)]
pub struct Interactions {
    by_user: SparseRows,
    by_item: SparseRows,
    scale: WeightScale,
    seen: Seen,
    weightless: usize,
    ranks: Option<Vec<f32>>,
    ages: Option<Vec<u32>>,
    repeats: Option<Repeats>,
    withheld: Option<Withheld>,
}

/// The scaling of weights to confidences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightScale {
    /// The weight that became a confidence of 1, after the shift.
    pub median: f32,
    /// The binary exponent of the factor applied to weights, see [`super::Weighting::shift`].
    pub shift: f64,
}

/// All items of the users who have some that do not count. Those of user u, ascending, are
/// `items[starts[u]..starts[u + 1]]`. Empty if there are no such users.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    starts: Vec<usize>,
    items: Vec<u32>,
}

impl Seen {
    /// Collects the items of each user; an empty list stands for a user whose items all count.
    pub fn new(of_users: impl Iterator<Item = Vec<u32>>) -> Self {
        let mut seen = Self { starts: vec![0], items: Vec::new() };
        for items in of_users {
            seen.items.extend(items);
            seen.starts.push(seen.items.len());
        }
        if seen.items.is_empty() { Self::default() } else { seen }
    }

    /// All items of a user; `None` if they all count.
    pub fn of_user(&self, user: usize) -> Option<&[u32]> {
        let range = *self.starts.get(user)?..*self.starts.get(user + 1)?;
        (!range.is_empty()).then(|| &self.items[range])
    }
}

impl Interactions {
    /// Builds interactions from rows by user (users × items) with confidences.
    pub fn new(by_user: SparseRows) -> Self {
        Self::scaled(by_user, WeightScale { median: 1.0, shift: 0.0 })
    }

    /// Builds interactions, and records how their confidences were derived from weights.
    pub fn scaled(by_user: SparseRows, scale: WeightScale) -> Self {
        let by_item = by_user.transposed();
        Self {
            by_user,
            by_item,
            scale,
            seen: Seen::default(),
            weightless: 0,
            ranks: None,
            ages: None,
            repeats: None,
            withheld: None,
        }
    }

    /// Adds the items that do not count, and the number of events with negligible weight.
    pub fn beside(self, seen: Seen, weightless: usize) -> Self {
        Self { seen, weightless, ..self }
    }

    /// Adds the rank of each (user, item) pair in its user's order, by user; `None` if events have no times.
    pub fn ranked(self, ranks: Option<Vec<f32>>) -> Self {
        Self { ranks, ..self }
    }

    /// Adds the age of each (user, item) pair, by user; `None` if events have no times.
    pub fn aged(self, ages: Option<Vec<u32>>) -> Self {
        Self { ages, ..self }
    }

    /// Adds what users take again; `None` if nobody does, or events have no times.
    pub fn repeated(self, repeats: Option<Repeats>) -> Self {
        Self { repeats, ..self }
    }

    /// Sets what lists leave out; `None` if that is all that users have.
    pub fn withholding(self, withheld: Option<Withheld>) -> Self {
        Self { withheld, ..self }
    }

    /// What lists leave out; `None` if that is all that users have.
    pub fn withheld(&self) -> Option<&Withheld> {
        self.withheld.as_ref()
    }

    /// What lists leave out of a user who has seen it, ascending.
    pub fn left_out(&self, user: usize) -> &[u32] {
        match &self.withheld {
            Some(withheld) => withheld.of_user(user).0,
            None => self.seen(user),
        }
    }

    /// What users take again; `None` if nobody does, or events have no times.
    pub fn repeats(&self) -> Option<&Repeats> {
        self.repeats.as_ref()
    }

    /// How often a user took each of their items; empty if nobody takes any again.
    pub fn repeats_of(&self, user: usize) -> &[Repeat] {
        self.repeats.as_ref().map_or(&[], |repeats| &repeats.of_pairs()[self.by_user.range(user)])
    }

    /// The seconds between the first event on each (user, item) pair and the latest of all that starts a pair, in the order
    /// of [`Self::by_user`]; `None` if events have no times.
    pub fn ages(&self) -> Option<&[u32]> {
        self.ages.as_deref()
    }

    /// The rank of each (user, item) pair, in the order of [`Self::by_user`]; `None` if events have no times.
    pub fn ranks(&self) -> Option<&[f32]> {
        self.ranks.as_deref()
    }

    /// The ranks of a user's items; empty if events have no times.
    pub fn ranks_of(&self, user: usize) -> &[f32] {
        self.ranks.as_ref().map_or(&[], |ranks| &ranks[self.by_user.range(user)])
    }

    /// The scaling of weights to confidences.
    pub fn scale(&self) -> WeightScale {
        self.scale
    }

    /// All items of a user, ascending, whether they count or not.
    pub fn seen(&self, user: usize) -> &[u32] {
        self.seen.of_user(user).unwrap_or_else(|| self.by_user.row(user).0)
    }

    /// All items of a user, ascending; `None` if they all count.
    pub fn seen_besides(&self, user: usize) -> Option<&[u32]> {
        self.seen.of_user(user)
    }

    /// The number of events that do not count because their weight is negligible.
    pub fn weightless(&self) -> usize {
        self.weightless
    }

    /// The number of users.
    pub fn users(&self) -> usize {
        self.by_user.rows()
    }

    /// The number of items.
    pub fn items(&self) -> usize {
        self.by_item.rows()
    }

    /// The number of (user, item) pairs.
    pub fn entries(&self) -> usize {
        self.by_user.entries()
    }

    /// The items and confidences of each user.
    pub fn by_user(&self) -> &SparseRows {
        &self.by_user
    }

    /// The users and confidences of each item.
    pub fn by_item(&self) -> &SparseRows {
        &self.by_item
    }

    /// The number of users of each item.
    pub fn item_users(&self) -> Vec<u32> {
        (0..self.items()).map(|item| self.by_item.row_len(item) as u32).collect()
    }
}
