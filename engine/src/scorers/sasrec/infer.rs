//! The representation of a user by a trained network.
//!
//! Only the last token is needed, so the last block computes no keys and values: the score of a token with normed row n
//! is q·(W_kᵀn) = (W_k q)·n, and the mean of the values W_vᵀn is W_vᵀ times the mean of n. With T tokens that takes
//! 2·heads·T·d + 4d² + 2d·hidden multiply-adds, 45,000 in the default shape with T = 50, instead of 1.8 million.

use super::forward::{NormState, Packed, Pass};
use super::kernels::{exponentials, largest};
use super::shape::SasrecShape;
use super::weights::SasrecNetwork;
use crate::error::{EngineError, Result};
use crate::linalg::vector::{add_scaled_simd, dot_simd};
use crate::matrix::Rows;
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Memory that is kept from one user to the next.
#[derive(Debug, Default)]
pub struct SasrecScratch {
    pass: Pass,
    attention_norm: NormState,
    last_norm: NormState,
    /// The residual of the last token, q, the result of a branch, and a row for each head.
    rows: Vec<f32>,
    /// The shares of attention of one head.
    shares: Vec<f32>,
    hidden: Vec<f32>,
}

impl SasrecNetwork {
    /// h: what the network makes of a user's items, newest last (d values). The score of an item is the product of
    /// (h, 1) with its row of `item_rows`, those of [`super::SasrecWeights::item_rows`]. Without items all values are 0,
    /// so that the biases alone decide.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if `item_rows` does not have d + 1 columns, or not enough rows.
    pub fn represent(
        &self,
        item_rows: Rows<'_>,
        items: &[u32],
        scratch: &mut SasrecScratch,
    ) -> Result<Vec<f32>> {
        let (shape, values) = (self.shape(), self.values());
        let width = shape.width;
        if item_rows.columns() != width + 1 {
            let (expected, found) = (width + 1, item_rows.columns());
            return Err(EngineError::Shape { what: "item rows of SASRec", expected, found });
        }
        let read = &items[items.len().saturating_sub(shape.window)..];
        match read.iter().max() {
            None => return Ok(vec![0.0; width]),
            Some(&most) if most as usize >= item_rows.rows() => {
                let (expected, found) = (item_rows.rows(), most as usize + 1);
                return Err(EngineError::Shape { what: "items of SASRec", expected, found });
            }
            Some(_) => {}
        }
        let SasrecScratch { pass, attention_norm, last_norm, rows, shares, hidden } = scratch;
        let packed = Packed { inputs: read, lengths: &[read.len()] };
        let residual = pass.blocks(self, item_rows, packed, None, shape.blocks - 1);
        let at = shape.block(shape.blocks - 1);
        attention_norm.run(residual, values, at.attention_gain, at.attention_offset);
        rows.resize(4 * width, 0.0);
        shares.resize(read.len(), 0.0);
        hidden.resize(shape.hidden, 0.0);
        let (last, scratch) = rows.split_at_mut(width);
        last.copy_from_slice(&residual[residual.len() - width..]);
        let arch = Arch::new();
        arch.dispatch(LastAttention { shape, values, normed: &attention_norm.out, last, scratch, shares });
        last_norm.run(last, values, at.hidden_gain, at.hidden_offset);
        arch.dispatch(LastFeedForward { shape, values, normed: &last_norm.out, last, hidden });
        last_norm.run(last, values, shape.final_gain(), shape.final_offset());
        Ok(last_norm.out.clone())
    }
}

/// `target += row · matrix`, the columns `columns` of a matrix of `stride` columns.
#[inline(always)]
fn add_product<S: Simd>(
    simd: S,
    target: &mut [f32],
    row: &[f32],
    matrix: &[f32],
    stride: usize,
    columns: Range<usize>,
) {
    for (&factor, weights) in row.iter().zip(matrix.chunks_exact(stride)) {
        add_scaled_simd(simd, target, factor, &weights[columns.clone()]);
    }
}

/// The attention of the last token in the last block, whose result it adds to `last`.
struct LastAttention<'a> {
    shape: SasrecShape,
    values: &'a [f32],
    /// The normed rows of all tokens.
    normed: &'a [f32],
    last: &'a mut [f32],
    scratch: &'a mut [f32],
    shares: &'a mut [f32],
}

impl WithSimd for LastAttention<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (width, head_width) = (self.shape.width, self.shape.head_width());
        let at = self.shape.block(self.shape.blocks - 1);
        let input = &self.values[at.attention_in];
        let stride = 3 * width;
        let (query, rest) = self.scratch.split_at_mut(width);
        let (attended, row) = rest.split_at_mut(width);
        query.fill(0.0);
        attended.fill(0.0);
        let newest = &self.normed[self.normed.len() - width..];
        add_product(simd, query, newest, input, stride, 0..width);
        let scale = (head_width as f32).sqrt().recip();
        query.iter_mut().for_each(|value| *value *= scale);
        for head in 0..self.shape.heads {
            let own = head * head_width..(head + 1) * head_width;
            let keys = width + own.start..width + own.end;
            for (value, weights) in row.iter_mut().zip(input.chunks_exact(stride)) {
                *value = dot_simd(simd, &weights[keys.clone()], &query[own.clone()]);
            }
            for (share, token) in self.shares.iter_mut().zip(self.normed.chunks_exact(width)) {
                *share = dot_simd(simd, token, row);
            }
            let most = largest(self.shares);
            let inverse = exponentials(self.shares, most).recip();
            row.fill(0.0);
            for (share, token) in self.shares.iter().zip(self.normed.chunks_exact(width)) {
                add_scaled_simd(simd, row, share * inverse, token);
            }
            let columns = 2 * width + own.start..2 * width + own.end;
            add_product(simd, &mut attended[own], row, input, stride, columns);
        }
        add_product(simd, self.last, attended, &self.values[at.attention_out], width, 0..width);
    }
}

/// The feed-forward part of the last token in the last block, whose result it adds to `last`.
struct LastFeedForward<'a> {
    shape: SasrecShape,
    values: &'a [f32],
    normed: &'a [f32],
    last: &'a mut [f32],
    hidden: &'a mut [f32],
}

impl WithSimd for LastFeedForward<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let SasrecShape { width, hidden, blocks, .. } = self.shape;
        let at = self.shape.block(blocks - 1);
        self.hidden.copy_from_slice(&self.values[at.hidden_in_bias]);
        add_product(simd, self.hidden, self.normed, &self.values[at.hidden_in], hidden, 0..hidden);
        self.hidden.iter_mut().for_each(|value| *value = if *value > 0.0 { *value } else { 0.0 });
        self.last.iter_mut().zip(&self.values[at.hidden_out_bias]).for_each(|(last, bias)| *last += bias);
        add_product(simd, self.last, self.hidden, &self.values[at.hidden_out], width, 0..width);
    }
}
