//! Finding the model a call means, and the rights and locks for changing it.

use crate::catalog::models::{self, Model};
use crate::catalog::statement::models_table;
use crate::commands::models::options::ModelSources;
use crate::error::{Result, SegrecError};
use crate::pg::executor::snapshot::NewSnapshot;
use crate::pg::executor::visibility::volatile;
use crate::pg::process::lock::{Until, refuse_in_read_only, try_lock, unlock};
use crate::pg::security::rights::is_restricted;

/// Refuses changes where none can be made: on a replica, in a transaction that only reads, and within an operation of PostgreSQL's that runs functions of a
/// table's owner for whoever maintains it.
pub fn refuse_here() -> Result<()> {
    volatile();
    refuse_in_read_only();
    if is_restricted() { Err(SegrecError::Restricted) } else { Ok(()) }
}

/// [`owner_of`], for a change, which a replica refuses. Nobody else drops the model before the transaction ends.
pub fn owned(name: Option<&str>) -> Result<Model> {
    refuse_here()?;
    let model = owner_of(name)?;
    models::keep(&model)?;
    Ok(model)
}

/// The model of that name, which the caller must own.
pub fn owner_of(name: Option<&str>) -> Result<Model> {
    let model = usable(name)?;
    if !model.is_owner {
        return Err(SegrecError::NotOwner { name: model.name, owner: model.owner });
    }
    Ok(model)
}

/// The model of that name, which the caller must own or hold the privilege to train.
pub fn trainable(name: Option<&str>) -> Result<Model> {
    let model = usable(name)?;
    if !model.may_train {
        return Err(SegrecError::NotTrainer { name: model.name, owner: model.owner });
    }
    Ok(model)
}

/// [`trainable`], for what writes, which a replica refuses.
pub fn trainable_here(name: Option<&str>) -> Result<Model> {
    refuse_here()?;
    trainable(name)
}

/// The model of that name, which the caller must know of.
pub fn usable(name: Option<&str>) -> Result<Model> {
    let name = name.ok_or(SegrecError::NullArgument { argument: "model" })?;
    match models::find(name)? {
        Some(model) => Ok(model),
        None => Err(SegrecError::UnknownModel { name: name.to_owned(), known: models::names()? }),
    }
}

/// What a model reads, for checking options.
pub fn reads(model: &Model) -> ModelSources<'_> {
    ModelSources {
        events: model.events.as_ref().map(|events| &events.columns),
        users: model.users.as_ref(),
        items: model.items.as_ref(),
    }
}

/// Does something with a model that the caller owns, locked to the end of the transaction against trainings and changes
/// by others. What it reads has been committed when the lock was taken.
pub fn owned_and_locked<T>(name: Option<&str>, act: impl FnOnce(Model) -> Result<T>) -> Result<T> {
    locked(name, owned, Until::TransactionEnds, act)
}

/// The same with a model that the caller may train.
pub fn trainable_and_locked<T>(name: Option<&str>, act: impl FnOnce(Model) -> Result<T>) -> Result<T> {
    locked(name, trainable_here, Until::TransactionEnds, act)
}

/// The same, locked for as long as the process lives.
pub fn trainable_and_kept<T>(name: Option<&str>, act: impl FnOnce(Model) -> Result<T>) -> Result<T> {
    locked(name, trainable_here, Until::SessionEnds, act)
}

fn locked<T>(
    name: Option<&str>,
    find: fn(Option<&str>) -> Result<Model>,
    until: Until,
    act: impl FnOnce(Model) -> Result<T>,
) -> Result<T> {
    let (table, _) = models_table()?;
    let mut model = find(name)?;
    loop {
        if !try_lock(table, model.id, until) {
            let holder = models::lock_holder(table, model.id)?;
            return Err(SegrecError::BeingTrained { model: model.name, holder });
        }
        // It may have been changed between finding and locking it, or dropped, and another may have its name.
        let _snapshot = NewSnapshot::new();
        let found = find(Some(&model.name));
        if found.as_ref().is_ok_and(|found| found.id == model.id) {
            return act(found?);
        }
        unlock(table, model.id, until);
        model = found?;
    }
}
