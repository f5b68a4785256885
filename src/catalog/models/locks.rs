//! Row locks on models, and the holder of a training's lock.

use super::model::Model;
use crate::catalog::statement::{as_owner, query, write};
use crate::error::{Holder, Result, SegrecError};
use pgrx::{JsonB, pg_sys};
use serde_json::Value;

/// The current values of columns that others may change while the row is not locked.
pub struct LockedRow {
    /// The key of the deployed version.
    pub deployed_version_id: Option<i64>,
    pub options: Value,
}

/// Locks a model's row against changes by others until the end of the transaction, and returns its current values.
pub fn lock_row(model: &Model) -> Result<LockedRow> {
    let sql = "SELECT deployed_version_id, options FROM segrec_catalog.models WHERE model_id = $1 FOR NO KEY UPDATE";
    let found = as_owner(|| {
        write(sql, &[model.id.into()], |row| {
            Ok(LockedRow { deployed_version_id: row.get(1)?, options: row.value::<JsonB>(2)?.0 })
        })
    })?;
    found.into_iter().next().ok_or_else(|| gone(model))
}

/// Keeps others from dropping a model until the end of the transaction, before rows are added to it. Must precede any
/// lock on other rows of the model, as in [`take`].
pub fn keep(model: &Model) -> Result<()> {
    locked_for(model, "KEY SHARE")
}

/// Locks a model for dropping: waits for all holders of [`keep`], and blocks new ones.
pub fn take(model: &Model) -> Result<()> {
    locked_for(model, "UPDATE")
}

fn locked_for(model: &Model, what: &str) -> Result<()> {
    let sql = format!("SELECT 1 FROM segrec_catalog.models WHERE model_id = $1 FOR {what}");
    let found = as_owner(|| write(&sql, &[model.id.into()], |row| row.value::<i32>(1)))?;
    if found.is_empty() { Err(gone(model)) } else { Ok(()) }
}

fn gone(model: &Model) -> SegrecError {
    SegrecError::UnknownModel { name: model.name.clone(), known: Vec::new() }
}

/// The holder of the lock on a model, study or job.
pub fn lock_holder(models_table: pg_sys::Oid, model_id: i64) -> Result<Holder> {
    let found = query(
        // A prepared transaction has no process, but holds a lock on its own transaction id.
        "SELECT held.pid, (SELECT prepared.gid FROM pg_catalog.pg_locks own \
                           JOIN pg_catalog.pg_prepared_xacts prepared ON prepared.transaction = own.transactionid \
                           WHERE held.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid' \
                             AND own.virtualtransaction = held.virtualtransaction LIMIT 1) \
         FROM pg_catalog.pg_locks held \
         WHERE locktype = 'object' AND classid = $1 \
           AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
           AND objid = ($2 % 4294967296)::oid AND granted",
        &[models_table.into(), model_id.into()],
        |row| Ok((row.get(1)?, row.get(2)?)),
    )?;
    Ok(match found.into_iter().next() {
        Some((Some(pid), _)) => Holder::Process(pid),
        Some((None, Some(name))) => Holder::Prepared(name),
        _ => Holder::Gone,
    })
}
