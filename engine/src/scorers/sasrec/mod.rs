//! SASRec: a small causal transformer over the order of a user's items (Kang and McAuley 2018).

mod adam;
mod backward;
mod course;
mod estimate;
mod forward;
mod infer;
mod kernels;
mod lora;
mod loss;
mod options;
mod shape;
mod step;
mod table;
mod train;
mod weights;
mod windows;

pub use course::{SasrecCourse, Validation};
pub use estimate::{token_multiply_adds, training_bytes};
pub use infer::SasrecScratch;
pub use lora::{AdaptedMatrix, SasrecAdapter, SasrecAdapterShape, train_adapter};
pub use options::SasrecOptions;
pub use shape::{SasrecShape, SasrecTensor};
pub use train::{SasrecInput, loss_and_gradient, train};
pub use weights::{SasrecNetwork, SasrecWeights};
pub use windows::SasrecSequences;

#[cfg(test)]
mod tests;
