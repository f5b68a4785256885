//! The gradient of the network: the forward pass in reverse. Takes twice its multiply-adds.

use super::forward::{BlockState, MASKED, NormState, Packed, Pass};
use super::kernels::{
    AddRows, CausalSoftmaxGradient, ColumnSums, NormGradient, ReluGradient, Scale, multiply, rows_of,
    rows_of_mut,
};
use super::shape::SasrecShape;
use super::weights::SasrecNetwork;
use faer::prelude::ReborrowMut;
use pulp::Arch;
use std::ops::Range;

/// Scratch of a backward pass, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Backward {
    /// The gradient by the residual, tokens × d; after a pass that by the tokens' input vectors.
    residual: Vec<f32>,
    /// The gradient by the result of a branch, and by the output of its norm.
    branch: Vec<f32>,
    /// The gradient by q, k and v, or by the hidden values.
    inner: Vec<f32>,
    /// The gradient by the shares of one window and head.
    shares: Vec<f32>,
    /// The gradient by what was attended.
    attended: Vec<f32>,
    /// A row.
    row: Vec<f32>,
}

impl Backward {
    /// Adds the gradient by the values of the network to `by_network`, given that by the representations of the last
    /// `pass`. [`Backward::by_inputs`] then returns that by the tokens' input vectors.
    pub fn run(
        &mut self,
        network: &SasrecNetwork,
        pass: &Pass,
        packed: Packed<'_>,
        by_representations: &[f32],
        by_network: &mut [f32],
    ) {
        let (shape, values) = (network.shape(), network.values());
        let width = shape.width;
        self.residual.clear();
        self.residual.resize(by_representations.len(), 0.0);
        self.branch.resize(by_representations.len(), 0.0);
        self.row.resize(width, 0.0);
        self.branch.copy_from_slice(by_representations);
        self.norm(&pass.last, values, by_network, shape.final_gain(), shape.final_offset());
        for (block, state) in pass.blocks.iter().enumerate().rev() {
            self.feed_forward(shape, values, block, state, by_network);
            self.attention(shape, values, block, state, packed, by_network);
        }
        scale(&mut self.residual, &pass.input_factors);
        let by_positions = &mut by_network[shape.positions()];
        for window in packed.windows() {
            let tokens = self.residual[window.start * width..window.end * width].chunks_exact(width);
            for (token, by_position) in tokens.rev().zip(by_positions.chunks_exact_mut(width)) {
                by_position.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    /// The gradient by the tokens' input vectors of the last pass, tokens × d.
    pub fn by_inputs(&self) -> &[f32] {
        &self.residual
    }

    fn feed_forward(
        &mut self,
        shape: SasrecShape,
        values: &[f32],
        block: usize,
        state: &BlockState,
        by_network: &mut [f32],
    ) {
        let at = shape.block(block);
        let (width, hidden) = (shape.width, shape.hidden);
        self.begin_branch(&state.hidden_factors);
        Arch::new().dispatch(ColumnSums(&mut by_network[at.hidden_out_bias], &self.branch));
        let by_out = rows_of_mut(&mut by_network[at.hidden_out.clone()], width);
        multiply(by_out, true, rows_of(&state.hidden, hidden).transpose(), rows_of(&self.branch, width));
        self.inner.resize(state.hidden.len(), 0.0);
        let out = rows_of(&values[at.hidden_out], width);
        multiply(rows_of_mut(&mut self.inner, hidden), false, rows_of(&self.branch, width), out.transpose());
        Arch::new().dispatch(ReluGradient(&mut self.inner, &state.hidden));
        Arch::new().dispatch(ColumnSums(&mut by_network[at.hidden_in_bias], &self.inner));
        let by_in = rows_of_mut(&mut by_network[at.hidden_in.clone()], hidden);
        let inner = rows_of(&self.inner, hidden);
        multiply(by_in, true, rows_of(&state.hidden_norm.out, width).transpose(), inner);
        let weights = rows_of(&values[at.hidden_in], hidden);
        multiply(rows_of_mut(&mut self.branch, width), false, inner, weights.transpose());
        self.norm(&state.hidden_norm, values, by_network, at.hidden_gain, at.hidden_offset);
    }

    fn attention(
        &mut self,
        shape: SasrecShape,
        values: &[f32],
        block: usize,
        state: &BlockState,
        packed: Packed<'_>,
        by_network: &mut [f32],
    ) {
        let at = shape.block(block);
        let width = shape.width;
        self.begin_branch(&state.attention_factors);
        let by_out = rows_of_mut(&mut by_network[at.attention_out.clone()], width);
        multiply(by_out, true, rows_of(&state.attended, width).transpose(), rows_of(&self.branch, width));
        self.attended.resize(state.attended.len(), 0.0);
        let out = rows_of(&values[at.attention_out], width);
        multiply(
            rows_of_mut(&mut self.attended, width),
            false,
            rows_of(&self.branch, width),
            out.transpose(),
        );
        self.heads(shape, state, packed);
        let by_in = rows_of_mut(&mut by_network[at.attention_in.clone()], 3 * width);
        let inner = rows_of(&self.inner, 3 * width);
        multiply(by_in, true, rows_of(&state.attention_norm.out, width).transpose(), inner);
        let weights = rows_of(&values[at.attention_in], 3 * width);
        multiply(rows_of_mut(&mut self.branch, width), false, inner, weights.transpose());
        self.norm(&state.attention_norm, values, by_network, at.attention_gain, at.attention_offset);
    }

    /// From the gradient by what each head attended to that by q, k and v.
    fn heads(&mut self, shape: SasrecShape, state: &BlockState, packed: Packed<'_>) {
        let (width, head_width) = (shape.width, shape.head_width());
        self.inner.resize(state.attention_in.len(), 0.0);
        let input = rows_of(&state.attention_in, 3 * width);
        let attended = rows_of(&self.attended, width);
        let mut inner = rows_of_mut(&mut self.inner, 3 * width);
        let mut shares = state.shares.as_slice();
        for window in packed.windows() {
            let length = window.len();
            self.shares.resize(length * length, 0.0);
            for head in 0..shape.heads {
                let column = |of: usize| of * width + head * head_width;
                let part = |of: usize| input.submatrix(window.start, column(of), length, head_width);
                let by_attended = attended.submatrix(window.start, column(0), length, head_width);
                let (square, others) = shares.split_at(length * length);
                shares = others;
                let mut target = |of: usize, a, b| {
                    let target = inner.rb_mut().submatrix_mut(window.start, column(of), length, head_width);
                    multiply(target, false, a, b);
                };
                target(2, rows_of(square, length).transpose(), by_attended);
                multiply(rows_of_mut(&mut self.shares, length), false, by_attended, part(2).transpose());
                let scale = (head_width as f32).sqrt().recip();
                let gradient = self.shares.as_mut_slice();
                Arch::new().dispatch(CausalSoftmaxGradient {
                    gradient,
                    shares: square,
                    columns: length,
                    scale,
                });
                target(0, rows_of(&self.shares, length), part(1));
                target(1, rows_of(&self.shares, length).transpose(), part(0));
            }
        }
    }

    /// The gradient by the result of a branch before dropout: that by the sum it is added to, with the same factors.
    fn begin_branch(&mut self, factors: &[f32]) {
        self.branch.copy_from_slice(&self.residual);
        scale(&mut self.branch, factors);
    }

    /// From the gradient by the output of a norm, in `branch`, to that by the residual, which it adds.
    fn norm(
        &mut self,
        state: &NormState,
        values: &[f32],
        by_network: &mut [f32],
        gain: Range<usize>,
        offset: Range<usize>,
    ) {
        // The offset follows the gain.
        let (by_gain, by_offset) = by_network[gain.start..offset.end].split_at_mut(gain.len());
        Arch::new().dispatch(NormGradient {
            by_out: &self.branch,
            gain: &values[gain],
            normed: &state.normed,
            inverses: &state.inverses,
            by_gain,
            by_offset,
            into: &mut self.residual,
            scratch: &mut self.row,
        });
    }
}

fn scale(values: &mut [f32], factors: &[f32]) {
    if !factors.is_empty() {
        Arch::new().dispatch(Scale(values, factors));
    }
}

/// Adds each row of `source` to the row of `target` that `places` names: the gradient by the items of the tokens.
pub(super) fn add_to_rows(target: &mut [f32], places: &[u32], source: &[f32], width: usize) {
    let arch = Arch::new();
    let rows = places.iter().zip(source.chunks_exact(width));
    for (&place, source) in rows.filter(|(place, _)| **place != MASKED) {
        let place = place as usize * width;
        arch.dispatch(AddRows(&mut target[place..place + width], source));
    }
}
