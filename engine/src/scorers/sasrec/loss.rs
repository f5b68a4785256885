//! The loss: cross-entropy of the target among all items, or among the target and drawn items (Petrov and Macdonald
//! 2023 describe the overconfidence that draws without a correction cause).
//!
//! Takes three products of tokens × outputs × d multiply-adds: scores, the gradient by the representations, and that by
//! the items. Tokens are taken in blocks, so that the scores of a block stay in the cache.

use super::kernels::{ColumnSums, CrossEntropy, multiply, rows_of, rows_of_mut};
use super::table::Table;
use crate::linalg::vector::dot;
use pulp::Arch;

/// Tokens of a block: with 1,700 items, their scores take 0.4 MB, a part of a second-level cache.
pub(super) const BLOCK: usize = 64;

/// The gradient by the rows of a table.
#[derive(Debug)]
pub(super) struct RowGradient<'a> {
    /// By the vectors, rows × d.
    pub vectors: &'a mut [f32],
    /// By the biases.
    pub bias: &'a mut [f32],
}

/// Scratch of the loss, kept from one shard to the next.
#[derive(Debug, Default)]
pub(super) struct Loss {
    scores: Vec<f32>,
    /// The gradient by the representations, tokens × d.
    by_representations: Vec<f32>,
}

impl Loss {
    /// The sum of the tokens' losses. `targets` has the row of each token's target in `table`. Computes the gradient of
    /// `weight` times the sum by the representations, and adds that by the rows of the table, if asked, to `by_rows`.
    pub fn run(
        &mut self,
        representations: &[f32],
        targets: &[u32],
        table: &Table,
        weight: f32,
        mut by_rows: Option<RowGradient<'_>>,
    ) -> f64 {
        let width = representations.len() / targets.len().max(1);
        let (outputs, correction) = table.outputs();
        let vectors = rows_of(&table.vectors()[..outputs * width], width);
        let bias = &table.bias()[..outputs];
        self.by_representations.resize(representations.len(), 0.0);
        self.scores.resize(BLOCK.min(targets.len()) * outputs, 0.0);
        let mut loss = 0.0;
        let blocks = representations.chunks(BLOCK * width).zip(targets.chunks(BLOCK));
        for ((representations, targets), by_representations) in
            blocks.zip(self.by_representations.chunks_mut(BLOCK * width))
        {
            let scores = &mut self.scores[..targets.len() * outputs];
            for row in scores.chunks_exact_mut(outputs) {
                row.iter_mut().zip(bias).for_each(|(score, bias)| *score = bias + correction);
            }
            let tokens = rows_of(representations, width);
            multiply(rows_of_mut(scores, outputs), true, tokens, vectors.transpose());
            let mut beside: Vec<(usize, u32, f32)> = Vec::new();
            for (token, (row, &target)) in scores.chunks_exact_mut(outputs).zip(targets).enumerate() {
                let place = target as usize;
                if place < outputs {
                    row[place] -= correction;
                    loss += Arch::new().dispatch(CrossEntropy { scores: row, target: Ok(place), weight });
                    continue;
                }
                let representation = &representations[token * width..(token + 1) * width];
                let vector = &table.vectors()[place * width..(place + 1) * width];
                let mut score = dot(representation, vector) + table.bias()[place];
                loss += Arch::new().dispatch(CrossEntropy { scores: row, target: Err(&mut score), weight });
                beside.push((token, target, score));
            }
            let scores = rows_of(scores, outputs);
            multiply(rows_of_mut(by_representations, width), false, scores, vectors);
            if let Some(RowGradient { vectors, bias }) = by_rows.as_mut() {
                let target = rows_of_mut(&mut vectors[..outputs * width], width);
                multiply(target, true, scores.transpose(), tokens);
                let scores = &self.scores[..targets.len() * outputs];
                Arch::new().dispatch(ColumnSums(&mut bias[..outputs], scores));
            }
            for (token, place, gradient) in beside {
                let own = token * width..(token + 1) * width;
                let place = place as usize;
                let row = place * width..(place + 1) * width;
                add_scaled(&mut by_representations[own.clone()], gradient, &table.vectors()[row.clone()]);
                if let Some(RowGradient { vectors, bias }) = by_rows.as_mut() {
                    add_scaled(&mut vectors[row], gradient, &representations[own]);
                    bias[place] += gradient;
                }
            }
        }
        loss
    }

    /// The gradient by the representations of the last run, tokens × d.
    pub fn by_representations(&self) -> &[f32] {
        &self.by_representations
    }
}

fn add_scaled(target: &mut [f32], factor: f32, source: &[f32]) {
    target.iter_mut().zip(source).for_each(|(target, source)| *target += factor * source);
}
