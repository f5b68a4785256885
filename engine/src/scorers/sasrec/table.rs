//! The items of a training step: all of them, or those of the batch and the drawn negatives.
//!
//! The network and the loss see rows of this table only, so they need not know about features, draws and item dropout.

use super::kernels::{multiply, rows_of, rows_of_mut};
use super::weights::SasrecWeights;
use crate::matrix::Rows;
use crate::seed::{mix, random};
use rand::seq::index;

/// The items of a step and their vectors.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The item of each row.
    items: Vec<u32>,
    /// The first rows, whose scores the loss compares with that of the target.
    outputs: usize,
    /// What is added to the scores of those rows: log(items / draws), by which their sum estimates that over all items.
    correction: f32,
    /// x = e + F f of each row, rows × d.
    vectors: Vec<f32>,
    /// The bias of each row.
    bias: Vec<f32>,
    /// The features of each row, rows × m.
    features: Vec<f32>,
    /// Whether x of each row is F f alone, in this step; empty if that is so for none.
    without_own: Vec<bool>,
    /// The row of each item, or `NOWHERE`.
    places: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

impl Table {
    /// Has all items as rows.
    pub fn choose_all(&mut self, items: usize) {
        if self.items.len() != items {
            self.items = (0..items as u32).collect();
            self.places = self.items.clone();
        }
        self.outputs = items;
        self.correction = 0.0;
    }

    /// Has `negatives` different items as first rows, drawn uniformly from `items` by the key, and the other items of
    /// the batch behind them.
    pub fn choose(&mut self, items: usize, negatives: usize, key: u64, batch: impl Iterator<Item = u32>) {
        for &item in &self.items {
            self.places[item as usize] = NOWHERE;
        }
        self.places.resize(items, NOWHERE);
        let negatives = negatives.min(items);
        let mut generator = random(key, "sasrec negatives");
        self.items.clear();
        let drawn = index::sample(&mut generator, items, negatives);
        self.items.extend(drawn.iter().map(|item| item as u32));
        self.items.sort_unstable();
        for (row, &item) in self.items.iter().enumerate() {
            self.places[item as usize] = row as u32;
        }
        for item in batch {
            if self.places[item as usize] == NOWHERE {
                self.places[item as usize] = self.items.len() as u32;
                self.items.push(item);
            }
        }
        self.outputs = negatives;
        self.correction = (items as f32 / negatives as f32).ln();
    }

    /// Reads the vectors of the rows. With probability `item_dropout`, by the key, a row lacks its own vector; only if
    /// there are features.
    pub fn read(&mut self, weights: &SasrecWeights, features: Option<Rows<'_>>, item_dropout: f32, key: u64) {
        let width = weights.items().columns();
        self.vectors.clear();
        self.bias.clear();
        self.without_own.clear();
        self.features.clear();
        for &item in &self.items {
            self.vectors.extend_from_slice(weights.items().row(item as usize));
            self.bias.push(weights.bias()[item as usize]);
        }
        let Some(features) = features.filter(|features| features.columns() > 0) else { return };
        if item_dropout > 0.0 {
            let limit = (f64::from(item_dropout) * u64::MAX as f64) as u64;
            self.without_own.extend(self.items.iter().map(|&item| mix(mix(key) ^ u64::from(item)) < limit));
            for (vector, _) in
                self.vectors.chunks_exact_mut(width).zip(&self.without_own).filter(|(_, is)| **is)
            {
                vector.fill(0.0);
            }
        }
        for &item in &self.items {
            self.features.extend_from_slice(features.row(item as usize));
        }
        let projection = rows_of(weights.projection().data(), width);
        let features = rows_of(&self.features, features.columns());
        multiply(rows_of_mut(&mut self.vectors, width), true, features, projection);
    }

    /// Turns the gradient by the vectors x of the rows into that by the items' own vectors, in place, and writes that by
    /// the projection.
    pub fn gradient(&self, by_vectors: &mut [f32], by_projection: &mut [f32], width: usize) {
        if !by_projection.is_empty() {
            let features = rows_of(&self.features, by_projection.len() / width);
            let target = rows_of_mut(by_projection, width);
            multiply(target, false, features.transpose(), rows_of(by_vectors, width));
        }
        for (vector, _) in by_vectors.chunks_exact_mut(width).zip(&self.without_own).filter(|(_, is)| **is) {
            vector.fill(0.0);
        }
    }

    /// The row of an item that was chosen.
    pub fn place(&self, item: u32) -> u32 {
        self.places[item as usize]
    }

    /// The item of each row.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// The vectors of the rows, rows × d.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// The biases of the rows.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// The number of first rows that the loss compares the target with, and what is added to their scores.
    pub fn outputs(&self) -> (usize, f32) {
        (self.outputs, self.correction)
    }
}
