//! Publishes the progress of a training to other sessions.

use crate::catalog::models;
use crate::error::Result;
use crate::pg::files::progress_file::{Published, published};
use segrec_engine::Progress;
use segrec_engine::scorers::factors::{backbone, segment_factors, tuning};
use segrec_engine::scorers::{neighbours, sasrec, user_neighbours};
use segrec_engine::segmentation::kmeans;
use segrec_engine::training::{blend, item_content, order, ranker, segment_report};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant, SystemTime};

/// The minimum interval between two reports of the same phase.
const PAUSE: Duration = Duration::from_millis(200);

/// The names of phases outside the engine.
pub mod phase {
    /// Events are being read.
    pub const READING: &str = "reading";
    /// Events are being combined.
    pub const COMBINING: &str = "combining";
    /// Users are being read.
    pub const READING_USERS: &str = "reading users";
    /// Items are being read.
    pub const READING_ITEMS: &str = "reading items";
    /// The version is being written.
    pub const WRITING: &str = "writing";
}

/// The phases in order, with weights: seconds of a hybrid of 128 factors on 810,000 events. Other data have other
/// proportions, so the share is approximate; it never decreases.
const PHASES: [(&str, f64); 24] = [
    (phase::READING, 0.8),
    (phase::COMBINING, 0.3),
    (phase::READING_USERS, 0.2),
    (phase::READING_ITEMS, 0.2),
    (tuning::PHASE, 9.0),
    ("backbone without holdout", 7.0),
    (kmeans::PHASE, 1.0),
    ("segment factors without holdout", 5.0),
    (item_content::PHASE, 1.0),
    (neighbours::options::PHASE, 7.0),
    (user_neighbours::options::PHASE, 3.0),
    (sasrec::options::PHASE, 1.0),
    (blend::PHASE, 1.5),
    (order::PHASE, 1.0),
    (sasrec::SEGMENT_PHASE, 0.5),
    (ranker::PHASE, 3.0),
    (backbone::PHASE, 7.0),
    (kmeans::PHASE, 0.5),
    (segment_factors::PHASE, 5.0),
    (item_content::PHASE, 1.0),
    (neighbours::options::PHASE, 7.0),
    (user_neighbours::options::PHASE, 3.0),
    (segment_report::PHASE, 0.5),
    (phase::WRITING, 5.0),
];

/// The progress of a training, as shown to other sessions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProgressReport {
    pub model_id: i64,
    /// The number of the job, if it is a background training.
    pub job: Option<i64>,
    /// The name of the phase, one of the engine's or of [`phase`].
    pub phase: String,
    /// The approximate share of the whole training that is done, from 0 to 1.
    pub share: f64,
    /// The step, loss and metric as text.
    pub message: String,
    /// When the training began, in microseconds since 2000.
    pub started: i64,
    /// Bytes of private memory of the process.
    pub memory: i64,
}

/// Publishes the progress of a training.
pub struct ProgressPublisher {
    published: Published,
    report: ProgressReport,
    place: usize,
    last: Option<Instant>,
}

impl ProgressPublisher {
    /// Announces the beginning of a training.
    pub fn new(model_id: i64, job: Option<i64>) -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let started = since_1970.as_micros() as i64 - 946_684_800_000_000;
        let report = ProgressReport {
            model_id,
            job,
            phase: "starting".to_owned(),
            share: 0.0,
            message: String::new(),
            started,
            memory: 0,
        };
        let mut publisher = Self { published: Published::new(), report, place: 0, last: None };
        publisher.tell();
        publisher
    }

    /// Announces the beginning of a phase that has no steps.
    pub fn begin(&mut self, phase: &str) {
        self.advance(phase, 0.0);
        self.report.message = String::new();
        self.tell();
    }

    /// Publishes a step, at most five times a second within a phase.
    pub fn step(&mut self, progress: &Progress) {
        let steps = progress.steps.max(1);
        let is_new = self.report.phase != progress.phase;
        self.advance(progress.phase, progress.step.min(steps) as f64 / steps as f64);
        let mut message = format!("step {} of {}", progress.step, progress.steps);
        if let Some(loss) = progress.loss {
            message.push_str(&format!(", loss {loss:.6}"));
        }
        if let Some((name, value)) = progress.metric {
            message.push_str(&format!(", {name} {value:.4}"));
        }
        self.report.message = message;
        if is_new || self.last.is_none_or(|last| last.elapsed() >= PAUSE) {
            self.tell();
        }
    }

    fn advance(&mut self, phase: &str, done: f64) {
        self.report.phase = phase.to_owned();
        if let Some(ahead) = PHASES[self.place..].iter().position(|(name, _)| *name == phase) {
            self.place += ahead;
        }
        if PHASES[self.place].0 == phase {
            let weight = |phases: &[(&str, f64)]| phases.iter().map(|(_, weight)| weight).sum::<f64>();
            let share = (weight(&PHASES[..self.place]) + done * PHASES[self.place].1) / weight(&PHASES);
            self.report.share = self.report.share.max(share);
        }
    }

    fn tell(&mut self) {
        self.report.memory = private_memory();
        self.last = Some(Instant::now());
        if let Ok(text) = serde_json::to_string(&self.report) {
            self.published.publish(&text);
        }
    }
}

/// Bytes of private memory of this process, nearly all of which belong to the training.
fn private_memory() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<i64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The reports of trainings of models that the caller may train, with the ids of their processes.
pub fn reports() -> Result<Vec<(i32, ProgressReport)>> {
    let trainable = models::trainable()?;
    let read = |(pid, text): (i32, String)| Some((pid, serde_json::from_str::<ProgressReport>(&text).ok()?));
    Ok(published()
        .into_iter()
        .filter_map(read)
        .filter(|(_, report)| trainable.contains(&report.model_id))
        .collect())
}
