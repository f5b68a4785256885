//! What can go wrong in the engine. Every variant names the input and the range that is right;
//! the extension maps them to SQLSTATE, DETAIL and HINT in one place.

use thiserror::Error;

/// The engine's result.
pub type Result<T> = std::result::Result<T, EngineError>;

/// An error of the engine.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum EngineError {
    /// The observer asked to stop.
    #[error("the work was cancelled")]
    Cancelled,
    /// The system gave no more memory.
    #[error("{bytes} bytes of memory were not given")]
    NoMemory {
        /// What was asked for.
        bytes: u64,
    },
    /// Two inputs that belong together have different sizes.
    #[error("{what}: expected {expected} values, found {found}")]
    Shape {
        /// Which input.
        what: &'static str,
        /// The size that is right.
        expected: usize,
        /// The size that was given.
        found: usize,
    },
    /// Nothing to learn from.
    #[error("there is nothing to train on: {reason}")]
    NothingToTrainOn {
        /// What is missing.
        reason: String,
    },
    /// Nothing tells users apart.
    #[error("there is nothing to divide users by: {reason}")]
    NothingToDivideBy {
        /// What is missing.
        reason: String,
    },
    /// A matrix that must be positive definite is not, or factors became infinite.
    #[error("the factors of {what} are not finite")]
    NotFinite {
        /// Which factors.
        what: &'static str,
    },
    /// What is stored of a part of a model cannot be written or read.
    #[error("what is stored of {what} is damaged")]
    Encoding {
        /// Which part.
        what: &'static str,
    },
    /// A column cannot be used as it is.
    #[error("column \"{column}\" {reason}")]
    Column {
        /// Its name.
        column: String,
        /// What is wrong, as the end of a sentence about it.
        reason: String,
    },
    /// Something was asked for that needs more than was given.
    #[error("{what} cannot be computed without {needs}")]
    Missing {
        /// What was asked for.
        what: &'static str,
        /// What is missing.
        needs: &'static str,
    },
}
