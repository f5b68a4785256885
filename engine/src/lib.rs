//! The mathematics of pg_segrec, without PostgreSQL: no I/O, no clock, no environment, and no globals except a
//! thread-local flag ([`memory`]). It runs on the caller's rayon pool; the same data and seed give the same result on
//! any number of threads.
//!
//! Data flow in one direction: events → [`interactions`] → [`scorers`] → [`segmentation`] → [`scorers`] (the segments'
//! own parts) → [`ranking`] → [`evaluation`]. [`training`] covers the whole path, controlled by [`options`]; [`study`]
//! repeats it with other options. Other data about users enter through [`features`], as points that segmentation
//! divides.

#![forbid(unsafe_code)]

pub mod auto;
pub mod batches;
pub mod error;
pub mod evaluation;
pub mod features;
pub mod interactions;
pub mod linalg;
pub mod matrix;
pub mod memory;
pub mod name_similarity;
pub mod observer;
pub mod options;
pub mod ranking;
pub mod scorers;
pub mod seed;
pub mod segmentation;
pub mod sorting;
pub mod study;
pub mod training;

pub use error::{EngineError, Result};
pub use matrix::{Matrix, Rows};
pub use observer::{CancelAfter, Observer, Progress, Silent};
