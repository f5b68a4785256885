//! Errors of the engine. Every variant names the offending input and the valid range; the extension maps them to
//! SQLSTATE, DETAIL and HINT in one place.

use thiserror::Error;

/// The result type of the engine.
pub type Result<T> = std::result::Result<T, EngineError>;

/// An error of the engine.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum EngineError {
    /// The observer requested cancellation.
    #[error("the operation was cancelled")]
    Cancelled,
    /// The system refused a request for memory.
    #[error("could not allocate {bytes} bytes of memory")]
    NoMemory {
        /// The number of bytes requested.
        bytes: u64,
    },
    /// Two inputs that belong together have different sizes.
    #[error("{what}: expected {expected} values, found {found}")]
    Shape {
        /// The name of the input.
        what: &'static str,
        /// The expected size.
        expected: usize,
        /// The actual size.
        found: usize,
    },
    /// There is nothing to learn from.
    #[error("there is nothing to train on: {reason}")]
    NothingToTrainOn {
        /// What is missing.
        reason: String,
    },
    /// No data distinguish users, so they cannot be segmented.
    #[error("there is nothing to segment users by: {reason}")]
    NothingToDivideBy {
        /// What is missing.
        reason: String,
    },
    /// There is nothing to evaluate on.
    #[error("there is nothing to evaluate on: {reason}")]
    NothingToMeasure {
        /// What is missing.
        reason: String,
        /// What could be changed.
        hint: &'static str,
    },
    /// A matrix is not positive definite, or factors became infinite.
    #[error("factors of {what} are not finite")]
    NotFinite {
        /// The name of the factors.
        what: &'static str,
    },
    /// A stored part of a model cannot be encoded or decoded.
    #[error("stored data of {what} is damaged")]
    Encoding {
        /// The name of the part.
        what: &'static str,
    },
    /// A column has unusable contents or an unsuitable type.
    #[error("column \"{column}\" {reason}")]
    Column {
        /// The name of the column.
        column: String,
        /// What is wrong, worded as the end of a sentence.
        reason: String,
    },
    /// A computation requires an input that was not given.
    #[error("{what} cannot be computed without {needs}")]
    Missing {
        /// What was requested.
        what: &'static str,
        /// The missing input.
        needs: &'static str,
    },
}
