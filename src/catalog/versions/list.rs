//! The versions of models, and what is known of one by its row.

use crate::catalog::statement::{as_owner, catalog_table, query};
use crate::error::{Result, SegrecError};
use crate::pg::executor::index_lookup::{Key, RowVersion, rows, sees_only_committed};
use crate::pg::executor::snapshot::{NewSnapshot, is_parallel};
use pgrx::{JsonB, pg_sys};
use segrec_engine::options::algorithm::Decided;
use serde_json::Value;

/// A version in the list of its model.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its key in the table of versions.
    pub version_id: i64,
    /// Its number within its model, from 1.
    pub version: i32,
    /// True where it is complete.
    pub ready: bool,
    /// When it was deployed last.
    pub was_deployed: bool,
    /// The checked options it was trained with.
    pub options: Value,
    /// What was decided where options leave it open; none without events.
    pub decided: Option<Value>,
    /// The deciding metric.
    pub metric: Option<String>,
    /// What it reached in this metric.
    pub value: Option<f64>,
    pub users: Option<i64>,
    /// Its items; none without events.
    pub items: Option<i64>,
    /// Its events; none without.
    pub events: Option<i64>,
}

impl Version {
    /// What its training decided; none without events.
    pub fn decided(&self) -> Result<Option<Decided>> {
        self.decided.clone().map(decided).transpose()
    }
}

pub fn decided(stored: Value) -> Result<Decided> {
    serde_json::from_value(stored).map_err(|error| SegrecError::VersionDamaged {
        reason: format!("what its training decided cannot be read: {error}"),
    })
}

/// The versions of a model, the latest deployment first, then the newest.
pub fn list(model_id: i64) -> Result<Vec<Version>> {
    as_owner(|| {
        query(
            "SELECT version_id, version, state = 'ready', deployed_at IS NOT NULL, options, decided, value, metric, \
                 users, items, events \
             FROM segrec_catalog.versions WHERE model_id = $1 \
             ORDER BY deployed_at DESC NULLS LAST, version DESC",
            &[model_id.into()],
            |row| {
                Ok(Version {
                    version_id: row.value(1)?,
                    version: row.value(2)?,
                    ready: row.value(3)?,
                    was_deployed: row.value(4)?,
                    options: row.value::<JsonB>(5)?.0,
                    decided: row.get::<JsonB>(6)?.map(|decided| decided.0),
                    value: row.get(7)?,
                    metric: row.get(8)?,
                    users: row.get(9)?,
                    items: row.get(10)?,
                    events: row.get(11)?,
                })
            },
        )
    })
}

/// How many users a version has.
pub fn user_count(version_id: i64) -> Result<usize> {
    let sql = "SELECT users FROM segrec_catalog.versions WHERE version_id = $1";
    let found = as_owner(|| query(sql, &[version_id.into()], |row| row.value::<i64>(1)))?;
    Ok(found.into_iter().next().unwrap_or(0) as usize)
}

/// The table of versions, which tells installations of the extension apart.
pub fn table() -> Result<pg_sys::Oid> {
    Ok(catalog_table(c"versions")?.0)
}

/// A version as the current statement sees its row: whatever is stored of it changes that, and where the extension was
/// dropped and made again, another table has a row of the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenVersion {
    /// The version's key.
    pub version_id: i64,
    table: pg_sys::Oid,
    row: RowVersion,
}

/// Whether a version has been dropped, whatever the statement sees. Among parallel processes none can tell.
pub fn is_dropped(version_id: i64) -> Result<bool> {
    if is_parallel() {
        return Ok(false);
    }
    let _snapshot = NewSnapshot::latest();
    Ok(seen(version_id)?.is_none())
}

/// The version of that key; none where the statement sees no such row. Answered without the executor.
pub fn seen(version_id: i64) -> Result<Option<SeenVersion>> {
    let table = table()?;
    let by_key = (c"versions_pkey", Key::Bigint(c"version_id", version_id));
    let found = rows(table, Some(by_key), 1, None).into_iter().next();
    Ok(found.map(|(row, _)| SeenVersion { version_id, table, row }))
}

/// Whether a version is there still, of which rows have just been read. A statement reads the model, which says what is
/// deployed, and these rows under one snapshot; but in a transaction that has written each reading has its own.
pub fn is_there(version_id: i64) -> Result<bool> {
    if sees_only_committed() {
        return Ok(true);
    }
    let sql = "SELECT EXISTS (SELECT FROM segrec_catalog.versions WHERE version_id = $1)";
    Ok(as_owner(|| query(sql, &[version_id.into()], |row| row.value::<bool>(1)))? == [true])
}

/// The versions that are deployed, of all models.
pub fn deployed() -> Result<Vec<i64>> {
    let sql = "SELECT deployed_version_id FROM segrec_catalog.models WHERE deployed_version_id IS NOT NULL";
    as_owner(|| query(sql, &[], |row| row.value(1)))
}
