//! SASRec: a small causal transformer over the order of a user's items (Kang and McAuley 2018), with the loss over all
//! items, or over drawn ones with their correction (Petrov and Macdonald 2023).
//!
//! Reads the last L items of a user. Token t is x_i + p, the vector of its item plus that of its position, counted from
//! the newest. Each block adds softmax(Q Kᵀ/√d_h) V W_o of the normed rows, where no token sees a later one, and then a
//! feed-forward part of the normed rows. The normed last row h is the representation of the user, and h·x_j + b_j the
//! score of item j: the vectors of the input are those of the output too. x = e + F f adds a projection of the item's
//! features to its own vector, through which items without events enter.
//!
//! With the default shape and 1,682 items, a token takes 430,000 multiply-adds in a step, three quarters of them for the
//! scores, and 8.8 µs of a core with AVX-512 (PyTorch 2.15: 27 µs); a representation of 50 items takes 8 µs with one block
//! and 50 µs with two (`infer`).
//!
//! - `shape`, `weights`: the sizes, and the weights, which can be stored
//! - `options`, `estimate`: what decides a training, and what it will take
//! - `windows`, `table`: the windows of an epoch, and the items of a step
//! - `kernels`, `forward`, `loss`, `backward`: the arithmetic of a pass
//! - `step`: the gradient of a batch, the same on any number of threads
//! - `contrast`: a second loss, off by default
//! - `adam`, `course`, `train`: the training
//! - `lora`, `adapters`: an adapter of a segment, and those of all
//! - `infer`: the representation of a user
//! - `settings`, `features`, `validation`: what the options of a model say, what a training learns from and is measured by
//! - `method`, `trained`, `stored`, `scorer`: as a [`Method`](crate::scorers::method::Method), its fits, and a
//!   [`Scorer`](crate::scorers::scorer::Scorer)

mod adam;
mod adapters;
mod backward;
mod contrast;
mod course;
mod estimate;
mod features;
mod forward;
mod infer;
mod kernels;
mod lora;
mod loss;
pub mod method;
pub mod options;
mod scorer;
mod settings;
mod shape;
mod step;
mod stored;
mod table;
mod train;
mod trained;
mod validation;
mod weights;
mod windows;

pub use adapters::PHASE as SEGMENT_PHASE;
pub use course::{SasrecCourse, Validation};
pub use estimate::{token_multiply_adds, training_bytes};
pub use infer::SasrecScratch;
pub use lora::{AdaptedMatrix, SasrecAdapter, SasrecAdapterShape, train_adapter};
pub use options::SasrecOptions;
pub use scorer::SasrecScorer;
pub use shape::{SasrecShape, SasrecTensor};
pub use train::{SasrecInput, loss_and_gradient, train};
pub use weights::{SasrecNetwork, SasrecWeights};
pub use windows::SasrecSequences;

#[cfg(test)]
mod tests;
