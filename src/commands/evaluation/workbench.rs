//! What every measurement begins with: threads, what the model reads, and whether there is memory for it.

use crate::catalog::models::Model;
use crate::commands::training::estimate::check_memory;
use crate::commands::training::read::{TrainingData, read};
use crate::commands::training::training_log::TrainingLog;
use crate::error::{Result, SegrecError};
use crate::pg::process::workers::Workers;
use crate::settings;
use segrec_engine::interactions::Events;
use segrec_engine::options::Options;
use segrec_engine::training::Given;
use segrec_engine::{EngineError, Observer};

/// Events that were read and threads that measure on them.
pub struct Workbench {
    pub events: Events,
    /// What else was read.
    pub data: TrainingData,
    /// What is said meanwhile.
    pub log: TrainingLog,
    workers: Workers,
}

impl Workbench {
    /// Reads what a model reads with these options, or with any of two.
    ///
    /// # Errors
    /// Where rows cannot be used, or a training with either would take too much memory.
    pub fn new(
        model: &Model,
        options: &Options,
        other: Option<&Options>,
        mut log: TrainingLog,
    ) -> Result<Self> {
        let workers = Workers::new(settings::threads())?;
        let mut data = read(model, options, other, &workers, &mut log)?;
        std::iter::once(options).chain(other).try_for_each(|options| check_memory(&data, options))?;
        let Some(events) = data.events.take() else {
            return Err(SegrecError::NoEvents { model: model.name.clone() });
        };
        Ok(Self { events, data, log, workers })
    }

    /// Runs work of the engine on what was read.
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
