//! The weights between items, and the scores of a history.
//!
//! A history of 27 items with 50 weights each takes 1,350 additions to a dense row of scores. A bitmap of the touched
//! scores yields them in ascending order without sorting.

use super::cooccurrence;
use super::options::{NeighbourMethod, NeighbourOptions};
use super::ridge;
use super::ridge_content::RidgeContent;
use crate::error::{EngineError, Result};
use crate::interactions::{Interactions, SparseRows, SparseView};
use crate::observer::Observer;
use std::hint::black_box;

/// Sparse weights, items × items. Row i holds the weights that item i adds to other items, by ascending target. All
/// scalings are folded into the values, so a user's score of item j is the plain sum over the items i of their
/// history of w(i, j). The diagonal is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    rows: SparseRows,
}

impl Neighbours {
    /// Wraps rows of weights (items × items).
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the matrix is not square.
    pub fn from_rows(rows: SparseRows) -> Result<Self> {
        if rows.rows() != rows.width() {
            return Err(EngineError::Shape {
                what: "rows of neighbours",
                expected: rows.width(),
                found: rows.rows(),
            });
        }
        Ok(Self { rows })
    }

    /// The weights: rows are sources, columns targets.
    pub fn rows(&self) -> &SparseRows {
        &self.rows
    }

    /// Trains the neighbours of all items.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn train(
        interactions: &Interactions,
        options: &NeighbourOptions,
        observer: &dyn Observer,
    ) -> Result<Self> {
        Self::train_with_content(interactions, options, None, observer)
    }

    /// Trains the neighbours of all items, the ridge also on what is known about these. Other methods ignore that.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], [`EngineError::NotFinite`], [`EngineError::Shape`] if the content is that of other
    /// items.
    pub fn train_with_content(
        interactions: &Interactions,
        options: &NeighbourOptions,
        content: Option<RidgeContent<'_>>,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let rows = match options.method {
            NeighbourMethod::Ridge => ridge::train(interactions, options, content, observer)?,
            NeighbourMethod::Filter
            | NeighbourMethod::Cosine
            | NeighbourMethod::TfIdf
            | NeighbourMethod::Rp3 => cooccurrence::train(interactions, options, observer)?,
        };
        Self::from_rows(rows)
    }

    /// An upper estimate of the bytes at the peak of [`Self::train`]: the weights while they are being found (for the
    /// ridge twice `kept`, in vectors that double), once more as rows, and the method's own scratch space.
    pub fn memory(
        users: usize,
        items: usize,
        entries: usize,
        options: &NeighbourOptions,
        threads: usize,
    ) -> u64 {
        let kept = options.kept.min(items);
        let (growing, own) = match options.method {
            NeighbourMethod::Ridge => (
                (2 * kept).next_power_of_two(),
                ridge::memory(users, items, entries, options.considered, threads),
            ),
            _ => (kept, (4 * users + (8 + 16 * threads) * items) as u64),
        };
        (8 * items * (growing + kept) + 32 * items) as u64 + own
    }
}

/// Item-to-item weights that can be read row by row, from memory or from a mapped file.
pub trait NeighbourRows {
    /// The number of items.
    fn items(&self) -> usize;

    /// The targets of `item`, ascending, and their weights.
    fn row(&self, item: usize) -> (&[u32], &[f32]);

    /// The scores of a history in any order; items without a row are ignored. Returns the touched items, ascending, and
    /// the sums of their weights. Items of the history may be among them.
    fn score<'s>(&self, history: &[u32], scratch: &'s mut NeighbourScratch) -> (&'s [u32], &'s [f32]) {
        self.add_all(history.iter().map(|&item| (item, 1.0)), scratch);
        scratch.finish()
    }

    /// Like [`Self::score`], but each item of the history has the weight given in `own`.
    fn score_weighted<'s>(
        &self,
        history: &[u32],
        own: &[f32],
        scratch: &'s mut NeighbourScratch,
    ) -> (&'s [u32], &'s [f32]) {
        self.add_all(history.iter().copied().zip(own.iter().copied()), scratch);
        scratch.finish()
    }

    /// Adds the rows of the items of a history, given with their weights.
    fn add_all(&self, history: impl Iterator<Item = (u32, f32)> + Clone, scratch: &mut NeighbourScratch) {
        scratch.start(self.items());
        let known = history.filter(|(item, _)| (*item as usize) < self.items());
        let rows = || known.clone().map(|(item, own)| (self.row(item as usize), own));
        // The rows are scattered in memory. Touching the first value of each up front lets the processor overlap the
        // cache misses.
        for ((targets, weights), _) in rows() {
            black_box((targets.first().copied(), weights.first().copied()));
        }
        for ((targets, weights), own) in rows() {
            scratch.add(targets, weights, own);
        }
    }
}

impl<T: NeighbourRows> NeighbourRows for &T {
    fn items(&self) -> usize {
        T::items(self)
    }

    fn row(&self, item: usize) -> (&[u32], &[f32]) {
        T::row(self, item)
    }
}

impl NeighbourRows for SparseView<'_> {
    fn items(&self) -> usize {
        self.rows()
    }

    fn row(&self, item: usize) -> (&[u32], &[f32]) {
        SparseView::row(self, item)
    }
}

impl NeighbourRows for SparseRows {
    fn items(&self) -> usize {
        self.rows()
    }

    fn row(&self, item: usize) -> (&[u32], &[f32]) {
        SparseRows::row(self, item)
    }
}

impl NeighbourRows for Neighbours {
    fn items(&self) -> usize {
        self.rows.rows()
    }

    fn row(&self, item: usize) -> (&[u32], &[f32]) {
        self.rows.row(item)
    }
}

/// Scratch space for scores, reused between histories: four bytes and one bit per item.
#[derive(Clone, Debug, Default)]
pub struct NeighbourScratch {
    /// The score of each item; all zero between two histories.
    sums: Vec<f32>,
    /// One bit per touched item; all zero between two histories.
    touched: Vec<u64>,
    items: Vec<u32>,
    scores: Vec<f32>,
}

impl NeighbourScratch {
    /// Grows the space to `items` items.
    fn start(&mut self, items: usize) {
        if self.sums.len() < items {
            self.sums.resize(items, 0.0);
            self.touched.resize(items.div_ceil(64), 0);
        }
    }

    #[inline(always)]
    fn add(&mut self, targets: &[u32], weights: &[f32], share: f32) {
        for (&target, &weight) in targets.iter().zip(weights) {
            self.sums[target as usize] += share * weight;
            self.touched[target as usize / 64] |= 1 << (target % 64);
        }
    }

    fn finish(&mut self) -> (&[u32], &[f32]) {
        self.items.clear();
        self.scores.clear();
        for (word, bits) in self.touched.iter_mut().enumerate() {
            while *bits != 0 {
                let item = word * 64 + bits.trailing_zeros() as usize;
                *bits &= *bits - 1;
                self.items.push(item as u32);
                self.scores.push(std::mem::take(&mut self.sums[item]));
            }
        }
        (&self.items, &self.scores)
    }
}
