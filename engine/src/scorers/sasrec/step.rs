//! The loss of a batch and its gradient.
//!
//! A batch is divided into parts of a few windows, always the same ones, whose gradients are added in order: the result
//! does not depend on the number of threads.

use super::backward::{Backward, add_to_rows};
use super::forward::{Dropout, Packed, Pass};
use super::kernels::AddRows;
use super::loss::{Loss, RowGradient};
use super::table::Table;
use super::weights::SasrecNetwork;
use crate::error::Result;
use crate::matrix::Rows;
use crate::observer::Observer;
use pulp::Arch;
use rayon::prelude::*;
use std::ops::Range;

/// The largest number of parts, and so of threads that share a step.
pub(super) const PARTS: usize = 8;
/// Values of a part of a parallel sum.
const SUM_PART: usize = 1 << 14;

/// The windows of a step, packed.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// For each token the row of its item in the table.
    pub inputs: Vec<u32>,
    /// For each token the row of its target in the table.
    pub targets: Vec<u32>,
    /// The number of tokens of each window.
    pub lengths: Vec<usize>,
    /// Decides the dropout of each window.
    pub keys: Vec<u64>,
}

/// The gradient of the mean loss, or of a part of it.
#[derive(Debug, Default)]
pub(super) struct Gradient {
    /// By the values of the network.
    pub network: Vec<f32>,
    /// By the vectors of the table's rows; empty if not asked for.
    pub vectors: Vec<f32>,
    /// By the biases of the table's rows; empty if not asked for.
    pub bias: Vec<f32>,
}

/// A part of a step: its gradient and scratch.
#[derive(Debug, Default)]
struct Part {
    pass: Pass,
    loss: Loss,
    backward: Backward,
    gradient: Gradient,
    total: f64,
}

/// Computes steps; keeps memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Steps {
    parts: Vec<Part>,
}

/// What is constant in a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepInput<'a> {
    /// The network.
    pub network: &'a SasrecNetwork,
    /// The items.
    pub table: &'a Table,
    /// The rate of dropout.
    pub dropout: f32,
    /// Whether the gradient by the items is asked for.
    pub by_items: bool,
}

/// A part of a batch: its tokens, the lengths of its windows, and their keys.
pub(super) type Cut<'a> = (Range<usize>, &'a [usize], &'a [u64]);

/// Divides a batch into parts, all but the last with the same number of windows.
pub(super) fn cut(batch: &Batch) -> Vec<Cut<'_>> {
    let windows = batch.lengths.len().div_ceil(PARTS).max(1);
    let mut cuts = Vec::with_capacity(PARTS);
    let mut start = 0;
    for (lengths, keys) in batch.lengths.chunks(windows).zip(batch.keys.chunks(windows)) {
        let end = start + lengths.iter().sum::<usize>();
        cuts.push((start..end, lengths, keys));
        start = end;
    }
    cuts
}

impl Steps {
    /// The mean loss of the batch's tokens; [`Steps::gradient`] then returns its gradient.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn run(&mut self, input: StepInput<'_>, batch: &Batch, observer: &dyn Observer) -> Result<f64> {
        let weight = (batch.inputs.len().max(1) as f32).recip();
        let cuts = cut(batch);
        self.parts.resize_with(cuts.len(), Part::default);
        self.parts.par_iter_mut().zip(cuts).try_for_each(|(part, (tokens, lengths, keys))| {
            observer.check()?;
            let packed = Packed { inputs: &batch.inputs[tokens.clone()], lengths };
            part.run(input, packed, &batch.targets[tokens], keys, weight)
        })?;
        self.add();
        Ok(self.parts.iter().map(|part| part.total).sum::<f64>() * f64::from(weight))
    }

    /// Adds the gradients of all parts to that of the first.
    fn add(&mut self) {
        let Some((first, others)) = self.parts.split_first_mut() else { return };
        let of: [fn(&mut Gradient) -> &mut Vec<f32>; 3] = [
            |gradient| &mut gradient.network,
            |gradient| &mut gradient.vectors,
            |gradient| &mut gradient.bias,
        ];
        for tensor in of {
            let sources: Vec<&[f32]> =
                others.iter_mut().map(|part| tensor(&mut part.gradient).as_slice()).collect();
            tensor(&mut first.gradient).par_chunks_mut(SUM_PART).enumerate().for_each(|(place, target)| {
                for source in &sources {
                    let start = place * SUM_PART;
                    Arch::new().dispatch(AddRows(target, &source[start..start + target.len()]));
                }
            });
        }
    }

    /// The gradient of the last step.
    pub fn gradient(&mut self) -> Option<&mut Gradient> {
        self.parts.first_mut().map(|part| &mut part.gradient)
    }
}

impl Part {
    fn run(
        &mut self,
        input: StepInput<'_>,
        packed: Packed<'_>,
        targets: &[u32],
        keys: &[u64],
        weight: f32,
    ) -> Result<()> {
        let StepInput { network, table, dropout, by_items } = input;
        let width = network.shape().width;
        let Gradient { network: by_network, vectors, bias } = &mut self.gradient;
        let zeros = |values: &mut Vec<f32>, length| {
            values.clear();
            values.resize(length, 0.0);
        };
        zeros(by_network, network.values().len());
        zeros(vectors, if by_items { table.vectors().len() } else { 0 });
        zeros(bias, if by_items { table.bias().len() } else { 0 });

        let rows = Rows::new(width, table.vectors())?;
        self.pass.forward(network, rows, packed, Some(Dropout { rate: dropout, keys }));
        let by_rows = by_items.then_some(RowGradient { vectors: &mut *vectors, bias });
        self.total = self.loss.run(self.pass.representations(), targets, table, weight, by_rows);
        self.backward.run(network, &self.pass, packed, self.loss.by_representations(), by_network);
        if by_items {
            add_to_rows(vectors, packed.inputs, self.backward.by_inputs(), width);
        }
        Ok(())
    }
}
