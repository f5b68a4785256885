//! The mathematics of pg_segrec, with no PostgreSQL in it: no I/O, no clock, no environment, no
//! globals but a mark of the thread's ([`memory`]). Threads are those of the rayon pool the caller runs it in; the same data and seed give
//! the same bytes on any number of them.
//!
//! Data flows one way: events → [`interactions`] → [`factorization`] (the backbone) →
//! [`segmentation`] → [`factorization`] (segment factors) → [`ranking`] → [`evaluation`]; [`recipe`]
//! is the whole path as one training. [`neighbours`] are a second way from interactions to scores. What
//! else is known about users enters through [`features`], as points that segmentation can divide.

#![forbid(unsafe_code)]

pub mod auto;
pub mod batches;
pub mod error;
pub mod evaluation;
pub mod factorization;
pub mod features;
pub mod interactions;
pub mod likeness;
pub mod linalg;
pub mod matrix;
pub mod memory;
pub mod neighbours;
pub mod observer;
pub mod ranking;
pub mod rating;
pub mod recipe;
pub mod seed;
pub mod segmentation;
pub mod sorting;

pub use error::{EngineError, Result};
pub use matrix::{Matrix, Rows};
pub use observer::{Observer, Progress, Silent};
