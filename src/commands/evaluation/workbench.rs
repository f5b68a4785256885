//! The setup that evaluations share: threads, the model's data, and a check of the available memory.

use crate::catalog::models::Model;
use crate::commands::training::estimate::{check_memory, check_memory_beside};
use crate::commands::training::read::{TrainingData, read};
use crate::commands::training::training_log::TrainingLog;
use crate::error::{Result, SegrecError};
use crate::pg::process::workers::Workers;
use crate::settings;
use segrec_engine::interactions::Events;
use segrec_engine::options::Options;
use segrec_engine::training::Given;
use segrec_engine::{EngineError, Observer};

/// The data of a model, and threads to evaluate on it.
pub struct Workbench {
    pub events: Events,
    /// The data other than the events.
    pub data: TrainingData,
    /// The progress of the evaluation.
    pub log: TrainingLog,
    workers: Workers,
}

impl Workbench {
    /// Reads what a model needs for these options, and for `other` if given.
    ///
    /// # Errors
    /// If rows cannot be used, or a training with any of the options would take too much memory.
    pub fn new(
        model: &Model,
        options: &Options,
        other: Option<&Options>,
        mut log: TrainingLog,
    ) -> Result<Self> {
        let workers = Workers::new(settings::threads())?;
        let mut data = read(model, options, other, false, &workers, &mut log)?;
        std::iter::once(options).chain(other).try_for_each(|options| check_memory(&data, options))?;
        let Some(events) = data.events.take() else {
            return Err(SegrecError::NoEvents { model: model.name.clone() });
        };
        Ok(Self { events, data, log, workers })
    }

    /// Checks the memory of a training with these options and of `beside` bytes.
    ///
    /// # Errors
    /// If that is more than is allowed or available.
    pub fn check_memory(&self, options: &Options, beside: u64) -> Result<()> {
        check_memory_beside(&self.data, Some(&self.events), options, beside)
    }

    /// Runs engine work on the data.
    pub fn run<T: Send>(
        &mut self,
        work: impl FnOnce(Given<'_>, &dyn Observer) -> Result<T, EngineError> + Send,
    ) -> Result<T> {
        let Self { events, data, log, workers } = self;
        let memory = settings::training_memory();
        let given = Given { memory, ..Given::new(events, &data.user_data) };
        log.run(workers, &data.relation, |observer| work(given, observer))
    }
}
