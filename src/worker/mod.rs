//! The entry points of background workers: the process of a background training, which runs as the role that requested
//! it, and the process that starts queued jobs.
//!
//! Each step of a training is a transaction of its own: recording the job, reading, writing the version, and recording
//! the end. It fits the model outside any transaction, without a snapshot that would hold back vacuum, and with no
//! locks except the session-level ones on its job and its model.

use crate::commands::access::privileges::{trainable_and_kept, trainable_here};
use crate::commands::schedules::job_order::Order;
use crate::commands::schedules::job_process::{finish, take};
use crate::commands::schedules::queue::{self, Next};
use crate::commands::training::train::{PreparedTraining, TrainingResult};
use crate::commands::training::training_log::TrainingLog;
use crate::error::{Result, SegrecError, or_raise};
use crate::pg::process::background::{
    Failure, attempt, become_role, connect, order, pause, set, show, transaction,
};
use crate::pg::process::workers::Workers;
use crate::pg::security::rights::current_role;
use crate::settings;
use pgrx::prelude::*;
use std::time::Instant;

/// The main function of a job's process.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn segrec_background_training(database: pg_sys::Datum) {
    let order = or_raise(Order::parse(order()));
    connect(database, Some(order.identity));
    train(order);
}

/// The main function of the process that starts queued jobs.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn segrec_background_queue(database: pg_sys::Datum) {
    connect(database, None);
    show("waiting jobs");
    let nobody = u32::from(current_role());
    if let Some(order) = start_waiting(nobody) {
        become_role(order.identity.role);
        train(order);
    }
}

/// Starts queued jobs until the queue is empty; returns a job that must be run in this process.
fn start_waiting(nobody: u32) -> Option<Order> {
    loop {
        if !transaction(nobody, || or_raise(queue::is_keeper())).ok()? {
            return None;
        }
        loop {
            match transaction(nobody, || or_raise(queue::start_waiting())).ok()? {
                Next::Here(order) => return Some(order),
                Next::Nothing => break,
                Next::Later => pause(queue::PAUSE),
            }
        }
        transaction(nobody, || or_raise(queue::give_up())).ok()?;
        if transaction(nobody, || or_raise(queue::is_empty())).ok()? {
            return None;
        }
    }
}

/// Runs a job as its role, then further jobs of the role if no other process can.
fn train(mut order: Order) {
    loop {
        set("segrec.training_memory", &format!("{}MB", order.memory));
        set("segrec.threads", &order.threads.to_string());
        let role = order.identity.role;
        let started = Instant::now();
        let begun = transaction(role, || or_raise(take(&order)));
        if let Ok(Some(model)) = begun {
            let reached = run(&order, &model);
            // The error is recorded with the job, and nobody waits for this result.
            let _ = transaction(role, || {
                or_raise(finish(&order, started, reached.as_ref().map(|result| result.version)))
            });
        }
        match transaction(role, || or_raise(queue::after(role))) {
            Ok(Some(next)) => order = Order { identity: order.identity, ..next },
            _ => return,
        }
    }
}

fn run(order: &Order, model: &str) -> Result<TrainingResult, Failure> {
    show(&format!("training of model {model}"));
    let role = order.identity.role;
    let mut log = TrainingLog::of(order.model_id, Some(order.job));
    let workers = attempt(|| or_raise(Workers::new(settings::threads())))?;
    let prepared = transaction(role, || {
        let read = |log| {
            trainable_and_kept(Some(model), |model| {
                if model.id != order.model_id {
                    return Err(SegrecError::UnknownModel { name: model.name, known: Vec::new() });
                }
                PreparedTraining::read(model, order.deploy, &workers, log)
            })
        };
        or_raise(read(&mut log))
    })?;
    let mut fitted = attempt(|| or_raise(prepared.fit(&workers, &mut log)))?;
    transaction(role, || {
        let mut write = |log| {
            // The right to train may have been revoked meanwhile.
            let model = trainable_here(Some(model))?;
            prepared.overtaken(&model, &mut fitted);
            prepared.store(&fitted, log)
        };
        or_raise(write(&mut log))
    })
}
