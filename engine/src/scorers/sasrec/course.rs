//! The course of a training: epochs of batches, early stopping, the time limit. The network and the adapters of segments
//! are trained alike.

use super::options::SasrecOptions;
use super::windows::{SasrecSequences, Window, batches, epoch};
use crate::error::{EngineError, Result};
use crate::evaluation::deciding_metric::DECIDING_NAME;
use crate::observer::{Observer, Progress};

/// Measures weights after an epoch; larger is better.
pub type Validation<'a, W> = &'a mut dyn FnMut(&W) -> Result<f64>;

/// How a training went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SasrecCourse {
    /// The mean loss of a token in each epoch.
    pub losses: Vec<f64>,
    /// What the validation returned after each epoch; empty without one.
    pub metrics: Vec<f64>,
    /// The number of epochs whose result was kept; 0 if that is the start.
    pub best_epoch: usize,
    /// The number of steps.
    pub steps: usize,
    /// The number of tokens of all steps.
    pub tokens: usize,
    /// Whether the time limit ended it.
    pub out_of_time: bool,
}

/// What is trained.
pub(super) trait Learner {
    /// What is kept.
    type Weights: Clone;

    /// Takes a step of the given number, from 1, and returns the mean loss of a token.
    fn step(&mut self, windows: &[Window], number: usize, observer: &dyn Observer) -> Result<f64>;

    /// Is told that an epoch, from 1, has ended.
    fn end_epoch(&mut self, _number: usize) {}

    /// The present weights.
    fn weights(&mut self) -> &mut Self::Weights;
}

/// Trains until the validation no longer improves, the epochs are over, or the time is; then the weights are the best
/// measured ones, or the last if there is no validation. With validation, the start is measured too, so that training
/// never returns anything worse.
pub(super) fn run<L: Learner>(
    learner: &mut L,
    sequences: SasrecSequences<'_>,
    options: &SasrecOptions,
    phase: &'static str,
    mut validate: Option<Validation<'_, L::Weights>>,
    observer: &dyn Observer,
) -> Result<SasrecCourse> {
    let start = observer.seconds();
    let mut course = SasrecCourse::default();
    let mut best = match validate.as_mut() {
        Some(validate) => Some((validate(learner.weights())?, learner.weights().clone())),
        None => None,
    };
    for number in 1..=options.epochs {
        let windows = epoch(sequences, options.shape.window, options.seed, number);
        if windows.is_empty() {
            let reason = "no user has two items".to_string();
            return Err(EngineError::NothingToTrainOn { reason });
        }
        let (mut loss, mut tokens) = (0.0, 0);
        for batch in batches(windows, options.batch, options.contrast > 0.0) {
            observer.check()?;
            course.steps += 1;
            let count: usize = batch.iter().map(|window| window.length as usize).sum();
            let mean = learner.step(&batch, course.steps, observer)?;
            if !mean.is_finite() {
                return Err(EngineError::NotFinite { what: "SASRec" });
            }
            loss += mean * count as f64;
            tokens += count;
            course.out_of_time = options.seconds.is_some_and(|most| observer.seconds() - start >= most);
            if course.out_of_time {
                break;
            }
        }
        course.tokens += tokens;
        course.losses.push(loss / tokens as f64);
        learner.end_epoch(number);
        let metric = validate.as_mut().map(|validate| validate(learner.weights())).transpose()?;
        observer.report(Progress {
            phase,
            step: number,
            steps: options.epochs,
            loss: course.losses.last().copied(),
            metric: metric.map(|metric| (DECIDING_NAME, metric)),
        });
        course.metrics.extend(metric);
        match (&mut best, metric) {
            (Some((most, weights)), Some(metric)) if metric > *most => {
                *most = metric;
                weights.clone_from(learner.weights());
                course.best_epoch = number;
            }
            (None, _) => course.best_epoch = number,
            _ => {}
        }
        if course.out_of_time || number >= course.best_epoch + options.patience {
            break;
        }
    }
    if let Some((_, weights)) = best {
        *learner.weights() = weights;
    }
    Ok(course)
}
