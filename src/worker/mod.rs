//! The process of a training in the background, which works as the role that asked for it.
//!
//! Its steps are transactions of their own: the job's row, reading, writing the version, the job's end. Between
//! reading and writing it fits without a transaction: it holds no snapshot, so it holds back no vacuum, and no lock
//! but those on its job and on its model, which are the session's.

use crate::catalog::jobs;
use crate::catalog::versions;
use crate::commands::access::{trainable_and_kept, trainable_here};
use crate::commands::diary::Diary;
use crate::commands::jobs::{Order, take_up};
use crate::commands::train::{Prepared, TrainingResult, workers};
use crate::error::{Result, SegrecError, or_raise};
use crate::pg::background::{Failure, attempt, connect, order, set, show, transaction};
use pgrx::prelude::*;
use std::time::Instant;

/// What the server calls in the new process.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn segrec_background_training(database: pg_sys::Datum) {
    let order = or_raise(Order::parse(order()));
    connect(database, order.identity);
    set("segrec.training_memory", &format!("{}MB", order.memory));
    set("segrec.threads", &order.threads.to_string());
    let role = order.identity.role;
    let started = Instant::now();
    let begun = transaction(role, || or_raise(begin(&order)));
    let Ok(Some(model)) = begun else { return };
    let reached = run(&order, &model);
    // What was wrong is written down, and nobody waits to hear it.
    let _ = transaction(role, || or_raise(end(&order, started, &reached)));
}

fn begin(order: &Order) -> Result<Option<String>> {
    take_up(order)?;
    jobs::begin(order.job, order.model_id, order.identity.role)
}

fn run(order: &Order, model: &str) -> Result<TrainingResult, Failure> {
    show(&format!("training of model {model}"));
    let role = order.identity.role;
    let mut diary = Diary::of(order.model_id, Some(order.job));
    let workers = attempt(|| or_raise(workers()))?;
    let prepared = transaction(role, || {
        let read = |diary| {
            trainable_and_kept(Some(model), |model| {
                if model.id != order.model_id {
                    return Err(SegrecError::UnknownModel { name: model.name, known: Vec::new() });
                }
                Prepared::read(model, order.deploy, &workers, diary)
            })
        };
        or_raise(read(&mut diary))
    })?;
    let mut fitted = attempt(|| or_raise(prepared.fit(&workers, &mut diary)))?;
    transaction(role, || {
        let mut write = |diary| {
            // The rights may have been taken meanwhile.
            let model = trainable_here(Some(model))?;
            prepared.overtaken(&model, &mut fitted);
            prepared.store(&fitted, diary)
        };
        or_raise(write(&mut diary))
    })
}

fn end(order: &Order, started: Instant, reached: &Result<TrainingResult, Failure>) -> Result<()> {
    match reached {
        Ok(result) => jobs::end(order.job, "finished", Some(result.version), None),
        Err(Failure { cancelled: true, text }) => jobs::end(order.job, "cancelled", None, Some(text)),
        Err(Failure { text, .. }) => {
            let version = versions::insert_failed(order.model_id, started.elapsed().as_secs_f64(), text)?;
            jobs::end(order.job, "failed", version, Some(text))
        }
    }
}
