//! The steps of a training so far, the NOTICE of each new phase, and what other sessions see of it.

use super::progress::ProgressPublisher;
use crate::catalog::versions::LogEntry;
use crate::error::{Result, SegrecError, notice};
use crate::pg::process::workers::Workers;
use segrec_engine::{EngineError, Progress};
use std::time::Instant;

/// The steps of a training, with the time that each was done.
pub struct TrainingLog {
    start: Instant,
    announced: Vec<String>,
    silent: bool,
    publisher: Option<ProgressPublisher>,
    /// The steps so far, for the table `training_log`.
    pub entries: Vec<LogEntry>,
}

impl TrainingLog {
    /// Begins the log of work that other sessions do not see.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            announced: Vec::new(),
            silent: false,
            publisher: None,
            entries: Vec::new(),
        }
    }

    /// Begins the log of a training, whose progress other sessions see.
    pub fn of(model_id: i64, job: Option<i64>) -> Self {
        Self { publisher: Some(ProgressPublisher::new(model_id, job)), ..Self::new() }
    }

    /// Begins a log that sends no NOTICEs.
    pub fn silent() -> Self {
        Self { silent: true, ..Self::new() }
    }

    /// Seconds since the log began.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Begins a phase, and says `what` in a NOTICE where the phase is new.
    pub fn announce(&mut self, phase: &str, what: String) {
        if let Some(publisher) = &mut self.publisher {
            publisher.begin(phase);
        }
        self.notice(phase, what);
    }

    fn notice(&mut self, phase: &str, what: String) {
        if !self.silent && !self.announced.iter().any(|announced| announced == phase) {
            self.announced.push(phase.to_owned());
            notice(format!("{:.1} s: {what}", self.seconds()), None, None);
        }
    }

    fn progress(&mut self, progress: Progress) {
        if let Some(publisher) = &mut self.publisher {
            publisher.step(&progress);
        }
        self.notice(progress.phase, progress.phase.to_owned());
        self.entries.push(LogEntry {
            phase: progress.phase.to_owned(),
            step: progress.step as i32,
            loss: progress.loss,
            metric: progress.metric.map(|(name, value)| (name.to_owned(), value)),
            seconds: self.seconds(),
        });
    }

    /// Runs engine work on the threads and writes down its progress. `relation` is what errors speak of.
    pub fn run<T: Send>(
        &mut self,
        workers: &Workers,
        relation: &str,
        work: impl FnOnce(&dyn segrec_engine::Observer) -> segrec_engine::Result<T> + Send,
    ) -> Result<T> {
        match workers.run(work, |progress| self.progress(progress))? {
            Ok(value) => Ok(value),
            Err(EngineError::NothingToTrainOn { reason }) => {
                Err(SegrecError::NothingToTrainOn { relation: relation.to_owned(), reason })
            }
            Err(EngineError::NothingToDivideBy { reason }) => {
                Err(SegrecError::NothingToDivideBy { relation: relation.to_owned(), reason })
            }
            Err(error) => Err(error.into()),
        }
    }
}
