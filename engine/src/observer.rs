//! Progress and cancellation: the engine reports progress to an [`Observer`], and asks it at least every few
//! milliseconds, from worker threads, whether to stop.

use crate::error::{EngineError, Result};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A progress report.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The name of the phase, a few words: `backbone`, `segments`, …
    pub phase: &'static str,
    /// The number of the step within the phase, from 1.
    pub step: usize,
    /// The number of steps in the phase.
    pub steps: usize,
    /// The loss after the step, if the phase has one.
    pub loss: Option<f64>,
    /// The name and value of a metric that was measured in the step.
    pub metric: Option<(&'static str, f64)>,
}

impl Progress {
    /// A report without loss or metric.
    pub fn step(phase: &'static str, step: usize, steps: usize) -> Self {
        Self { phase, step, steps, loss: None, metric: None }
    }
}

/// Receives progress reports and can cancel the work. Called from any thread.
pub trait Observer: Sync {
    /// Receives a report.
    fn report(&self, progress: Progress);
    /// Whether the work should stop.
    fn is_cancelled(&self) -> bool;

    /// Seconds since the work began, by the caller's clock; 0 if there is none.
    fn seconds(&self) -> f64 {
        0.0
    }

    /// Returns an error if the work should stop.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
    }
}

/// An observer that ignores reports and never cancels.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn report(&self, _: Progress) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// An observer that passes on cancellation, but no progress.
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

/// An observer that cancels once it has been asked a number of times, and counts how often it was asked. Tests of
/// cancellation use it to stop work at every place where it can be stopped.
#[derive(Debug)]
pub struct CancelAfter {
    patience: usize,
    asked: AtomicUsize,
}

impl CancelAfter {
    /// Answers `patience` questions with no, and all later ones with yes.
    pub fn new(patience: usize) -> Self {
        Self { patience, asked: AtomicUsize::new(0) }
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Observer for CancelAfter {
    fn report(&self, _: Progress) {}
    fn is_cancelled(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.patience
    }
}
