//! Finds the model of a call, with the rights and locks required to change it.

use crate::catalog::models::{self, Model};
use crate::catalog::statement::models_table;
use crate::commands::models::options::ModelSources;
use crate::error::{Result, SegrecError};
use crate::pg::executor::snapshot::NewSnapshot;
use crate::pg::executor::visibility::volatile;
use crate::pg::process::lock::{Until, refuse_in_read_only, try_lock, unlock};
use crate::pg::security::rights::is_restricted;

/// Rejects changes on a replica, in a read-only transaction, and within a security-restricted operation such as
/// REFRESH MATERIALIZED VIEW.
pub fn refuse_here() -> Result<()> {
    volatile();
    refuse_in_read_only();
    if is_restricted() { Err(SegrecError::Restricted) } else { Ok(()) }
}

/// Like [`owner_of`], for changes. Also keeps others from dropping the model until the end of the transaction.
pub fn owned(name: Option<&str>) -> Result<Model> {
    refuse_here()?;
    let model = owner_of(name)?;
    models::keep(&model)?;
    Ok(model)
}

/// The named model, which the caller must own.
pub fn owner_of(name: Option<&str>) -> Result<Model> {
    let model = usable(name)?;
    if !model.is_owner {
        return Err(SegrecError::NotOwner { name: model.name, owner: model.owner });
    }
    Ok(model)
}

/// The named model, which the caller must own or may train by a grant.
pub fn trainable(name: Option<&str>) -> Result<Model> {
    let model = usable(name)?;
    if !model.may_train {
        return Err(SegrecError::NotTrainer { name: model.name, owner: model.owner });
    }
    Ok(model)
}

/// The named model, whose segments the caller must own or may label by a grant. Also keeps others from dropping it until
/// the end of the transaction.
pub fn labellable(name: Option<&str>) -> Result<Model> {
    refuse_here()?;
    let model = usable(name)?;
    if !model.may_label {
        return Err(SegrecError::NotLabeller { name: model.name, owner: model.owner });
    }
    models::keep(&model)?;
    Ok(model)
}

/// Like [`trainable`], for changes; a replica rejects them.
pub fn trainable_here(name: Option<&str>) -> Result<Model> {
    refuse_here()?;
    trainable(name)
}

/// The named model, which the caller must be able to see.
pub fn usable(name: Option<&str>) -> Result<Model> {
    let name = name.ok_or(SegrecError::NullArgument { argument: "model" })?;
    match models::find(name)? {
        Some(model) => Ok(model),
        None => Err(SegrecError::UnknownModel { name: name.to_owned(), known: models::names()? }),
    }
}

/// What a model reads, for checking its options.
pub fn reads(model: &Model) -> ModelSources<'_> {
    ModelSources {
        events: model.events.as_ref().map(|events| &events.columns),
        users: model.users.as_ref(),
        items: model.items.as_ref(),
    }
}

/// Runs `act` on a model that the caller owns, locked until the end of the transaction against trainings and changes by
/// others. The model is read after the lock was taken.
pub fn owned_and_locked<T>(name: Option<&str>, act: impl FnOnce(Model) -> Result<T>) -> Result<T> {
    locked(name, owned, Until::TransactionEnds, act)
}

/// Like [`owned_and_locked`], for a model that the caller may train.
pub fn trainable_and_locked<T>(name: Option<&str>, act: impl FnOnce(Model) -> Result<T>) -> Result<T> {
    locked(name, trainable_here, Until::TransactionEnds, act)
}

/// Like [`trainable_and_locked`], but locked until the process ends.
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
        // The model may have been changed or dropped before it was locked, and another may have its name now.
        let _snapshot = NewSnapshot::new();
        let found = find(Some(&model.name));
        if found.as_ref().is_ok_and(|found| found.id == model.id) {
            return act(found?);
        }
        unlock(table, model.id, until);
        model = found?;
    }
}
