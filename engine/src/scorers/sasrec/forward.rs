//! The network: from the vectors of a window's items to the representation at each of them.
//!
//! Several windows are read at once, packed without padding, so that their matrix products are large; only attention
//! is computed for each window. A token takes 4d² + 2d·hidden multiply-adds in a block and 2d for each token of its
//! window that is not later: 16,384 + 16,384 + 3,200 in the default shape, with windows of 50.

use super::kernels::{
    AddRows, BiasAndRelu, CausalSoftmax, DropoutFactors, Norm, Scale, multiply, rows_of, rows_of_mut,
};
use super::shape::{BlockTensors, SasrecShape};
use super::weights::SasrecNetwork;
use crate::matrix::Rows;
use crate::seed::mix;
use faer::prelude::ReborrowMut;
use pulp::Arch;
use std::ops::Range;

/// The row of a token whose item is hidden: its vector is zero.
pub(super) const MASKED: u32 = u32::MAX;

/// Windows of tokens, one after another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed<'a> {
    /// For each token the row of its item, oldest first within a window.
    pub inputs: &'a [u32],
    /// The number of tokens of each window.
    pub lengths: &'a [usize],
}

impl<'a> Packed<'a> {
    /// The tokens of each window.
    pub fn windows(self) -> impl Iterator<Item = Range<usize>> + 'a {
        self.lengths.iter().scan(0, |end, &length| {
            *end += length;
            Some(*end - length..*end)
        })
    }
}

/// Dropout of a training step: the rate and a key for each window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dropout<'a> {
    /// The share of values that are set to zero.
    pub rate: f32,
    /// Decides which, for each window.
    pub keys: &'a [u64],
}

/// A norm and what its gradient needs.
#[derive(Debug, Default)]
pub(super) struct NormState {
    /// The normalized rows.
    pub normed: Vec<f32>,
    /// The inverse standard deviation of each row.
    pub inverses: Vec<f32>,
    /// The normalized rows times gain plus offset.
    pub out: Vec<f32>,
}

impl NormState {
    pub fn run(&mut self, rows: &[f32], values: &[f32], gain: Range<usize>, offset: Range<usize>) {
        let (normed, inverses, out) = (&mut self.normed, &mut self.inverses, &mut self.out);
        normed.resize(rows.len(), 0.0);
        inverses.resize(rows.len() / gain.len(), 0.0);
        out.resize(rows.len(), 0.0);
        let (gain, offset) = (&values[gain], &values[offset]);
        Arch::new().dispatch(Norm { rows, gain, offset, normed, inverses, out });
    }
}

/// What the gradient needs of a block.
#[derive(Debug, Default)]
pub(super) struct BlockState {
    pub attention_norm: NormState,
    /// q, k and v beside each other, tokens × 3d.
    pub attention_in: Vec<f32>,
    /// The shares of attention: for each window and head a square matrix.
    pub shares: Vec<f32>,
    /// The means of v by those shares, tokens × d.
    pub attended: Vec<f32>,
    pub attention_factors: Vec<f32>,
    pub hidden_norm: NormState,
    /// The hidden values after ReLU.
    pub hidden: Vec<f32>,
    pub hidden_factors: Vec<f32>,
}

/// The values of a pass through the network, kept from one pass to the next to avoid allocation.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// The sum that all branches add to, tokens × d.
    residual: Vec<f32>,
    /// The result of a branch, tokens × d.
    branch: Vec<f32>,
    pub input_factors: Vec<f32>,
    pub blocks: Vec<BlockState>,
    /// The last norm, whose output is the representation at each token.
    pub last: NormState,
}

impl Pass {
    /// Computes the representations at all tokens, tokens × d, which [`Pass::representations`] then returns. The first
    /// d columns of `vectors` are the items' vectors.
    pub fn forward(
        &mut self,
        network: &SasrecNetwork,
        vectors: Rows<'_>,
        packed: Packed<'_>,
        dropout: Option<Dropout<'_>>,
    ) {
        let (shape, values) = (network.shape(), network.values());
        self.blocks(network, vectors, packed, dropout, shape.blocks);
        self.last.run(&self.residual, values, shape.final_gain(), shape.final_offset());
    }

    /// Computes the residual after the first `count` blocks, tokens × d, and returns it.
    pub fn blocks(
        &mut self,
        network: &SasrecNetwork,
        vectors: Rows<'_>,
        packed: Packed<'_>,
        dropout: Option<Dropout<'_>>,
        count: usize,
    ) -> &[f32] {
        let (shape, values) = (network.shape(), network.values());
        let width = shape.width;
        self.embed(shape, values, vectors, packed);
        drop_values(&mut self.input_factors, &mut self.residual, width, packed, dropout, 0);
        self.blocks.resize_with(count, BlockState::default);
        self.branch.resize(self.residual.len(), 0.0);
        for (block, state) in self.blocks.iter_mut().enumerate() {
            let at = shape.block(block);
            let site = 2 * block as u64 + 1;
            state.attention(shape, values, &at, &self.residual, packed);
            let out = rows_of(&values[at.attention_out.clone()], width);
            multiply(rows_of_mut(&mut self.branch, width), false, rows_of(&state.attended, width), out);
            drop_values(&mut state.attention_factors, &mut self.branch, width, packed, dropout, site);
            Arch::new().dispatch(AddRows(&mut self.residual, &self.branch));

            state.feed_forward(shape, values, &at, &self.residual);
            let out = rows_of(&values[at.hidden_out.clone()], width);
            for row in self.branch.chunks_exact_mut(width) {
                row.copy_from_slice(&values[at.hidden_out_bias.clone()]);
            }
            multiply(rows_of_mut(&mut self.branch, width), true, rows_of(&state.hidden, shape.hidden), out);
            drop_values(&mut state.hidden_factors, &mut self.branch, width, packed, dropout, site + 1);
            Arch::new().dispatch(AddRows(&mut self.residual, &self.branch));
        }
        &self.residual
    }

    /// The representation at each token of the last pass, tokens × d.
    pub fn representations(&self) -> &[f32] {
        &self.last.out
    }

    /// The vectors of the items plus those of their positions, counted from the end of the window.
    fn embed(&mut self, shape: SasrecShape, values: &[f32], vectors: Rows<'_>, packed: Packed<'_>) {
        let width = shape.width;
        let positions = &values[shape.positions()];
        self.residual.resize(packed.inputs.len() * width, 0.0);
        for window in packed.windows() {
            let tokens = self.residual[window.start * width..window.end * width].chunks_exact_mut(width);
            for (place, (token, &row)) in tokens.zip(&packed.inputs[window]).rev().enumerate() {
                token.copy_from_slice(&positions[place * width..(place + 1) * width]);
                if row != MASKED {
                    let vector = &vectors.row(row as usize)[..width];
                    token.iter_mut().zip(vector).for_each(|(x, item)| *x += item);
                }
            }
        }
    }
}

impl BlockState {
    /// The norm of `residual` and the attention of each head; the result is `attended`.
    fn attention(
        &mut self,
        shape: SasrecShape,
        values: &[f32],
        at: &BlockTensors,
        residual: &[f32],
        packed: Packed<'_>,
    ) {
        let (width, head_width) = (shape.width, shape.head_width());
        self.attention_norm.run(residual, values, at.attention_gain.clone(), at.attention_offset.clone());
        self.attention_in.resize(residual.len() * 3, 0.0);
        let weights = rows_of(&values[at.attention_in.clone()], 3 * width);
        let normed = rows_of(&self.attention_norm.out, width);
        multiply(rows_of_mut(&mut self.attention_in, 3 * width), false, normed, weights);

        let squares: usize = packed.lengths.iter().map(|length| length * length).sum();
        self.shares.resize(shape.heads * squares, 0.0);
        self.attended.resize(residual.len(), 0.0);
        let input = rows_of(&self.attention_in, 3 * width);
        let mut attended = rows_of_mut(&mut self.attended, width);
        let mut shares = self.shares.as_mut_slice();
        for window in packed.windows() {
            let length = window.len();
            for head in 0..shape.heads {
                let part = |of: usize| {
                    input.submatrix(window.start, of * width + head * head_width, length, head_width)
                };
                let (square, others) = shares.split_at_mut(length * length);
                shares = others;
                multiply(rows_of_mut(square, length), false, part(0), part(1).transpose());
                let scale = (head_width as f32).sqrt().recip();
                Arch::new().dispatch(CausalSoftmax { scores: square, columns: length, scale });
                let target =
                    attended.rb_mut().submatrix_mut(window.start, head * head_width, length, head_width);
                multiply(target, false, rows_of(square, length), part(2));
            }
        }
    }

    /// The norm of `residual` and the hidden values.
    fn feed_forward(&mut self, shape: SasrecShape, values: &[f32], at: &BlockTensors, residual: &[f32]) {
        self.hidden_norm.run(residual, values, at.hidden_gain.clone(), at.hidden_offset.clone());
        self.hidden.resize(residual.len() / shape.width * shape.hidden, 0.0);
        let weights = rows_of(&values[at.hidden_in.clone()], shape.hidden);
        let normed = rows_of(&self.hidden_norm.out, shape.width);
        multiply(rows_of_mut(&mut self.hidden, shape.hidden), false, normed, weights);
        Arch::new().dispatch(BiasAndRelu(&mut self.hidden, &values[at.hidden_in_bias.clone()]));
    }
}

/// Multiplies `values` (tokens × width) by factors of dropout, which it leaves in `factors`; without dropout there are
/// none.
fn drop_values(
    factors: &mut Vec<f32>,
    values: &mut [f32],
    width: usize,
    packed: Packed<'_>,
    dropout: Option<Dropout<'_>>,
    site: u64,
) {
    let Some(Dropout { rate, keys }) = dropout.filter(|dropout| dropout.rate > 0.0) else {
        factors.clear();
        return;
    };
    factors.resize(values.len(), 0.0);
    for (window, key) in packed.windows().zip(keys) {
        let factors = &mut factors[window.start * width..window.end * width];
        Arch::new().dispatch(DropoutFactors { factors, rate, key: mix(key ^ (site << 48)) });
    }
    Arch::new().dispatch(Scale(values, factors));
}
