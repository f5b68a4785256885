//! The log of a training: its steps, a NOTICE for each new phase, and the progress shown to other sessions.

use super::progress::ProgressPublisher;
use crate::catalog::versions::LogEntry;
use crate::error::{Result, SegrecError, notice};
use crate::pg::process::workers::Workers;
use segrec_engine::{EngineError, Progress};
use std::time::Instant;

/// The log of a training.
pub struct TrainingLog {
    start: Instant,
    announced: Vec<String>,
    silent: bool,
    publisher: Option<ProgressPublisher>,
    /// The steps so far, for the table `training_log`.
    pub entries: Vec<LogEntry>,
}

impl TrainingLog {
    /// Starts a log that other sessions cannot see.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            announced: Vec::new(),
            silent: false,
            publisher: None,
            entries: Vec::new(),
        }
    }

    /// Starts the log of a training, whose progress is published to other sessions.
    pub fn of(model_id: i64, job: Option<i64>) -> Self {
        Self { publisher: Some(ProgressPublisher::new(model_id, job)), ..Self::new() }
    }

    /// Starts a log that sends no NOTICEs.
    pub fn silent() -> Self {
        Self { silent: true, ..Self::new() }
    }

    /// Seconds since the log began.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Begins a phase; if it is new, sends `what` as a NOTICE.
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

    /// Runs engine work on the threads and logs its progress. `relation` is mentioned in errors.
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
            Err(EngineError::NothingToMeasure { reason, hint }) => {
                Err(SegrecError::NothingToMeasure { relation: relation.to_owned(), reason, hint })
            }
            Err(error) => Err(error.into()),
        }
    }
}
