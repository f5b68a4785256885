//! Progress and cancellation: the engine tells an [`Observer`] how far it is and asks it whether
//! to stop. It is asked from worker threads at least every few milliseconds.

use crate::error::{EngineError, Result};

/// One report of progress.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The phase of the work, a few words: `backbone`, `segments`, …
    pub phase: &'static str,
    /// Step within the phase, from 1.
    pub step: usize,
    /// Steps of the phase.
    pub steps: usize,
    /// The loss after the step, where the phase has one.
    pub loss: Option<f64>,
    /// A metric measured in the step and its value.
    pub metric: Option<(&'static str, f64)>,
}

impl Progress {
    /// A report without loss or metric.
    pub fn step(phase: &'static str, step: usize, steps: usize) -> Self {
        Self { phase, step, steps, loss: None, metric: None }
    }
}

/// Receives progress and decides on cancellation. Called from any thread.
pub trait Observer: Sync {
    /// Takes a report.
    fn report(&self, progress: Progress);
    /// True once the work should stop.
    fn is_cancelled(&self) -> bool;

    /// Seconds since the work began, by a clock of the caller's; 0 where it has none.
    fn seconds(&self) -> f64 {
        0.0
    }

    /// An error once the work should stop.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
    }
}

/// Hears nothing and never stops.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn report(&self, _: Progress) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Passes on the wish to stop, but no progress.
pub struct Quiet<'a>(pub &'a dyn Observer);

impl Observer for Quiet<'_> {
    fn report(&self, _: Progress) {}
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
    fn seconds(&self) -> f64 {
        self.0.seconds()
    }
}
