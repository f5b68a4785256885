//! The mathematics of pg_segrec, with no PostgreSQL in it: no I/O, no clock, no environment, no
//! globals but a mark of the thread's ([`memory`]). Threads are those of the rayon pool the caller runs it in; the same data and seed give
//! the same bytes on any number of them.
//!
//! Data flows one way: events → [`interactions`] → [`scorers`] → [`segmentation`] → [`scorers`] (the parts that segments
//! have of their own) → [`ranking`] → [`evaluation`]. [`training`] is the whole path, directed by [`options`]; [`study`]
//! repeats it with other options. What else is known about users enters through [`features`], as points that
//! segmentation can divide.

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
pub use observer::{Observer, Progress, Silent};
