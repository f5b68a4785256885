//! Encodes what is known about items as unit vectors z, whose cosines say which items the same users choose.
//!
//! Every column becomes a block of columns of its own, of length one in every row. How much a block counts is learned
//! from the events: the weights are those with which the blocks' cosines predict best which items occur together, none
//! of them negative. A block that predicts nothing gets no weight and is left out. What is learned is an
//! [`ItemEncoder`], which is stored with the model and encodes items that come later into the same space.
//!
//! - `block`: one column as a block: categories, booleans, bins of numbers and moments, tf-idf, vectors
//! - [`dense`]: the dense columns of many items, decoded row by row
//! - [`encoder`]: all blocks as one vector, and what became of each column
//! - [`encoded`]: the vectors of many items, their sparse and their dense part
//! - [`weights`]: the weights of the blocks, by non-negative least squares on pairs of items

mod block;
pub mod dense;
pub mod encoded;
pub mod encoder;
pub mod weights;

pub use dense::{DenseColumns, DenseQuery};
pub use encoded::EncodedItems;
pub use encoder::{ColumnWeight, ItemEncoder};

#[cfg(test)]
mod tests;
