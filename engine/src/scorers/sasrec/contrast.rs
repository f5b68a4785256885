//! A second loss that makes representations of one user alike (Xie et al. 2022, CL4SRec): each window is changed at
//! random in two ways, and of all changed windows of the batch, the other one of the same user should be the most
//! similar. A batch therefore has one window of a user at most.

use super::backward::{Backward, add_to_rows};
use super::forward::{Dropout, MASKED, Packed, Pass};
use super::kernels::{AddRows, multiply, rows_of, rows_of_mut};
use super::step::{Batch, Gradient, StepInput, cut};
use crate::error::Result;
use crate::matrix::Rows;
use crate::observer::Observer;
use crate::seed::{Random, mix, random};
use pulp::Arch;
use rand::Rng;
use rand::seq::SliceRandom;
use rayon::prelude::*;

/// The share of a window that a crop keeps, and that reordering shuffles.
const KEPT: f32 = 0.6;
/// The share of items that masking hides.
const HIDDEN: f32 = 0.3;
/// What similarities, which are cosines, are divided by.
const TEMPERATURE: f32 = 0.2;

/// Two changed forms of each window of a batch, one after the other. Targets stay empty.
pub(super) fn views(batch: &Batch, key: u64, views: &mut Batch) {
    let mut generator = random(key, "sasrec views");
    views.inputs.clear();
    views.lengths.clear();
    views.keys.clear();
    let windows = Packed { inputs: &batch.inputs, lengths: &batch.lengths }.windows();
    for (window, key) in windows.zip(&batch.keys) {
        let mut ways = [0, 1, 2];
        ways.shuffle(&mut generator);
        for way in &ways[..2] {
            let start = views.inputs.len();
            changed(&batch.inputs[window.clone()], *way, &mut views.inputs, &mut generator);
            views.lengths.push(views.inputs.len() - start);
            views.keys.push(mix(key ^ (views.keys.len() as u64 + 1)));
        }
    }
}

fn changed(items: &[u32], way: usize, into: &mut Vec<u32>, generator: &mut Random) {
    let part = ((items.len() as f32 * KEPT) as usize).max(1);
    let first = generator.gen_range(0..=items.len() - part);
    let start = into.len();
    match way {
        0 => into.extend_from_slice(&items[first..first + part]),
        1 => into.extend(
            items.iter().map(|&item| if generator.gen_range(0.0..1.0) < HIDDEN { MASKED } else { item }),
        ),
        _ => {
            into.extend_from_slice(items);
            into[start + first..start + first + part].shuffle(generator);
        }
    }
}

/// Computes the contrast of batches; keeps memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Contrast {
    parts: Vec<Part>,
    /// The representations of all views, views × d; then the gradient by them.
    representations: Vec<f32>,
}

/// A part of the views.
#[derive(Debug, Default)]
struct Part {
    pass: Pass,
    backward: Backward,
    gradient: Gradient,
    by_representations: Vec<f32>,
}

impl Contrast {
    /// Adds the gradient of `weight` times the mean contrast of the views to `into`, and returns the mean.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn run(
        &mut self,
        input: StepInput<'_>,
        views: &Batch,
        weight: f32,
        into: &mut Gradient,
        observer: &dyn Observer,
    ) -> Result<f64> {
        let StepInput { network, table, dropout, .. } = input;
        let width = network.shape().width;
        let vectors = Rows::new(width, table.vectors())?;
        let cuts = cut(views);
        self.parts.resize_with(cuts.len(), Part::default);
        self.parts.par_iter_mut().zip(&cuts).try_for_each(|(part, (tokens, lengths, keys))| {
            observer.check()?;
            let packed = Packed { inputs: &views.inputs[tokens.clone()], lengths };
            part.pass.forward(network, vectors, packed, Some(Dropout { rate: dropout, keys }));
            Ok(())
        })?;
        self.representations.clear();
        for (part, (_, lengths, _)) in self.parts.iter().zip(&cuts) {
            let mut end = 0;
            for length in *lengths {
                end += length * width;
                self.representations.extend_from_slice(&part.pass.representations()[end - width..end]);
            }
        }
        let loss = nearest(&mut self.representations, width, weight);
        let gradients = self.representations.as_slice();
        let windows = cuts.first().map_or(1, |(_, lengths, _)| lengths.len());
        let of_parts = gradients.par_chunks(windows * width);
        self.parts.par_iter_mut().zip(&cuts).zip(of_parts).try_for_each(|((part, cut), gradients)| {
            observer.check()?;
            let packed = Packed { inputs: &views.inputs[cut.0.clone()], lengths: cut.1 };
            part.backward(input, packed, gradients);
            Ok(())
        })?;
        let arch = Arch::new();
        for part in &self.parts {
            arch.dispatch(AddRows(&mut into.network, &part.gradient.network));
            arch.dispatch(AddRows(&mut into.vectors, &part.gradient.vectors));
        }
        Ok(loss)
    }
}

impl Part {
    /// The gradient, given that by the representation of the last token of each view.
    fn backward(
        &mut self,
        StepInput { network, table, by_items, .. }: StepInput<'_>,
        packed: Packed<'_>,
        gradients: &[f32],
    ) {
        let width = network.shape().width;
        let zeros = |values: &mut Vec<f32>, length| {
            values.clear();
            values.resize(length, 0.0);
        };
        zeros(&mut self.by_representations, packed.inputs.len() * width);
        for (window, gradient) in packed.windows().zip(gradients.chunks_exact(width)) {
            self.by_representations[(window.end - 1) * width..window.end * width].copy_from_slice(gradient);
        }
        zeros(&mut self.gradient.network, network.values().len());
        zeros(&mut self.gradient.vectors, if by_items { table.vectors().len() } else { 0 });
        let by_network = &mut self.gradient.network;
        self.backward.run(network, &self.pass, packed, &self.by_representations, by_network);
        if by_items {
            add_to_rows(&mut self.gradient.vectors, packed.inputs, self.backward.by_inputs(), width);
        }
    }
}

/// The mean of −log softmax of the similarity with the partner, among those with all other rows (rows 2i and 2i + 1 are
/// partners). Replaces the rows by the gradient of `weight` times that mean. Takes 3·rows²·width multiply-adds.
fn nearest(rows: &mut [f32], width: usize, weight: f32) -> f64 {
    let count = rows.len() / width;
    let mut unit = rows.to_vec();
    let mut norms = Vec::with_capacity(count);
    for row in unit.chunks_exact_mut(width) {
        // A zero row has no direction, and no gradient.
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        row.iter_mut().for_each(|x| *x /= norm);
        norms.push(norm);
    }
    let mut scores = vec![0.0; count * count];
    multiply(
        rows_of_mut(&mut scores, count),
        false,
        rows_of(&unit, width),
        rows_of(&unit, width).transpose(),
    );
    let mut loss = 0.0;
    let scale = weight / (count as f32 * TEMPERATURE);
    for (own, scores) in scores.chunks_exact_mut(count).enumerate() {
        scores.iter_mut().for_each(|score| *score = (*score - 1.0) / TEMPERATURE);
        let chosen = scores[own ^ 1];
        scores.iter_mut().for_each(|score| *score = score.exp());
        scores[own] = 0.0;
        let total: f32 = scores.iter().sum();
        loss += f64::from(total.ln() - chosen);
        scores.iter_mut().for_each(|score| *score *= scale / total);
        scores[own ^ 1] -= scale;
    }
    // Each similarity is that of two rows.
    let mut by_unit = vec![0.0; rows.len()];
    multiply(rows_of_mut(&mut by_unit, width), false, rows_of(&scores, count), rows_of(&unit, width));
    multiply(
        rows_of_mut(&mut by_unit, width),
        true,
        rows_of(&scores, count).transpose(),
        rows_of(&unit, width),
    );
    let of_rows = rows.chunks_exact_mut(width).zip(unit.chunks_exact(width));
    for (((row, unit), by_unit), norm) in of_rows.zip(by_unit.chunks_exact(width)).zip(norms) {
        let along: f32 = unit.iter().zip(by_unit).map(|(x, y)| x * y).sum();
        for (value, (unit, by_unit)) in row.iter_mut().zip(unit.iter().zip(by_unit)) {
            *value = (by_unit - unit * along) / norm;
        }
    }
    loss / count as f64
}
