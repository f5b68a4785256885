//! The items with the largest positive cosines, of which only so many are kept.

use crate::scorers::neighbours::strongest::{Weighted, keep_strongest};

/// The largest positive cosines so far.
#[derive(Clone)]
pub(super) struct Best {
    count: usize,
    /// What a later item must exceed.
    least: f32,
    found: Vec<Weighted>,
}

impl Best {
    /// For so many.
    pub fn new(count: usize) -> Self {
        let least = if count == 0 { f32::INFINITY } else { 0.0 };
        Self { count, least, found: Vec::new() }
    }

    /// Takes an item if it may be among the largest. Items must come in ascending order for ties to go to the lower one.
    #[inline(always)]
    pub fn offer(&mut self, item: u32, cosine: f32) {
        if cosine > self.least {
            self.push(item, cosine);
        }
    }

    fn push(&mut self, item: u32, cosine: f32) {
        self.found.push((item, cosine));
        if self.found.len() >= 2 * self.count {
            keep_strongest(&mut self.found, self.count);
            self.least = self.found.iter().fold(f32::INFINITY, |least, found| least.min(found.1));
        }
    }

    /// The largest, by item.
    pub fn finish(mut self) -> Vec<Weighted> {
        keep_strongest(&mut self.found, self.count);
        self.found.shrink_to_fit();
        // In the order of a sparse row, whose sort then passes over it.
        self.found.sort_unstable_by_key(|found| found.0);
        self.found
    }
}
