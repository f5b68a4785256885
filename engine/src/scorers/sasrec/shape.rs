//! The sizes of the network, and where its tensors lie in one vector of values.
//!
//! All weights but those of the items are one vector, so that sums, norms, Adam and serialization need no list of
//! tensors.

use crate::error::{EngineError, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SasrecShape {
    /// d: the values of an item's vector and of a token in the network.
    pub width: usize,
    /// The number of attention heads; divides the width.
    pub heads: usize,
    /// The number of hidden values of the feed-forward part.
    pub hidden: usize,
    /// The number of blocks of attention and feed-forward part.
    pub blocks: usize,
    /// L: the number of last items that the network reads.
    pub window: usize,
}

impl Default for SasrecShape {
    fn default() -> Self {
        Self { width: 64, heads: 2, hidden: 128, blocks: 1, window: 50 }
    }
}

/// The largest of each size, which keeps sums of products of stored sizes far from overflow.
const MOST: usize = 4096;

/// Where the tensors of a block are. Matrices are input × output, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockTensors {
    /// The gain of the norm before attention, d.
    pub attention_gain: Range<usize>,
    /// The offset of the norm before attention, d.
    pub attention_offset: Range<usize>,
    /// W_q, W_k and W_v beside each other, d × 3d.
    pub attention_in: Range<usize>,
    /// W_o, d × d.
    pub attention_out: Range<usize>,
    /// The gain of the norm before the feed-forward part, d.
    pub hidden_gain: Range<usize>,
    /// The offset of the norm before the feed-forward part, d.
    pub hidden_offset: Range<usize>,
    /// The first matrix of the feed-forward part, d × hidden.
    pub hidden_in: Range<usize>,
    /// Its bias, hidden.
    pub hidden_in_bias: Range<usize>,
    /// The second matrix of the feed-forward part, hidden × d.
    pub hidden_out: Range<usize>,
    /// Its bias, d.
    pub hidden_out_bias: Range<usize>,
}

/// A tensor of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SasrecTensor {
    /// The name, with the number of the block where it has one.
    pub name: String,
    /// The place among the values of the network.
    pub range: Range<usize>,
    /// The number of columns; a vector is one row.
    pub columns: usize,
}

impl SasrecShape {
    /// Checks the sizes.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if one is zero or more than 4,096, or the heads do not divide the width.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("width of SASRec", self.width),
            ("heads of SASRec", self.heads),
            ("hidden values of SASRec", self.hidden),
            ("blocks of SASRec", self.blocks),
            ("window of SASRec", self.window),
        ];
        for (what, found) in sizes {
            if !(1..=MOST).contains(&found) {
                return Err(EngineError::Shape { what, expected: found.clamp(1, MOST), found });
            }
        }
        if !self.width.is_multiple_of(self.heads) {
            let expected = self.width.next_multiple_of(self.heads);
            return Err(EngineError::Shape { what: "width of SASRec", expected, found: self.width });
        }
        Ok(())
    }

    /// The values of a head.
    pub(super) fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// The number of values of the network without the items.
    pub fn values(&self) -> usize {
        self.final_offset().end
    }

    /// The vectors of the positions, window × d; the newest item has position 0.
    pub(super) fn positions(&self) -> Range<usize> {
        0..self.window * self.width
    }

    fn block_values(&self) -> usize {
        self.width * (4 * self.width + 2 * self.hidden + 5) + self.hidden
    }

    /// The tensors of a block.
    pub(super) fn block(&self, block: usize) -> BlockTensors {
        let (width, hidden) = (self.width, self.hidden);
        let mut end = self.positions().end + block * self.block_values();
        let mut next = |length: usize| {
            end += length;
            end - length..end
        };
        BlockTensors {
            attention_gain: next(width),
            attention_offset: next(width),
            attention_in: next(3 * width * width),
            attention_out: next(width * width),
            hidden_gain: next(width),
            hidden_offset: next(width),
            hidden_in: next(width * hidden),
            hidden_in_bias: next(hidden),
            hidden_out: next(hidden * width),
            hidden_out_bias: next(width),
        }
    }

    /// The gain of the last norm, d.
    pub(super) fn final_gain(&self) -> Range<usize> {
        let start = self.positions().end + self.blocks * self.block_values();
        start..start + self.width
    }

    /// The offset of the last norm, d.
    pub(super) fn final_offset(&self) -> Range<usize> {
        let start = self.final_gain().end;
        start..start + self.width
    }

    /// All tensors, in the order of their values: for exports and for tests.
    pub fn tensors(&self) -> Vec<SasrecTensor> {
        let (width, hidden) = (self.width, self.hidden);
        let tensor = |name: &str, range, columns| SasrecTensor { name: name.to_string(), range, columns };
        let mut tensors = vec![tensor("positions", self.positions(), width)];
        for block in 0..self.blocks {
            let at = self.block(block);
            let of_block = [
                ("attention_gain", at.attention_gain, width),
                ("attention_offset", at.attention_offset, width),
                ("attention_in", at.attention_in, 3 * width),
                ("attention_out", at.attention_out, width),
                ("hidden_gain", at.hidden_gain, width),
                ("hidden_offset", at.hidden_offset, width),
                ("hidden_in", at.hidden_in, hidden),
                ("hidden_in_bias", at.hidden_in_bias, hidden),
                ("hidden_out", at.hidden_out, width),
                ("hidden_out_bias", at.hidden_out_bias, width),
            ];
            tensors.extend(
                of_block
                    .into_iter()
                    .map(|(name, range, columns)| tensor(&format!("block_{block}_{name}"), range, columns)),
            );
        }
        tensors.push(tensor("final_gain", self.final_gain(), width));
        tensors.push(tensor("final_offset", self.final_offset(), width));
        tensors
    }
}
