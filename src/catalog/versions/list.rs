//! The list of a model's versions, and lookups of single rows.

use crate::catalog::statement::{as_owner, catalog_table, query};
use crate::error::{Result, SegrecError};
use crate::pg::executor::index_lookup::{Key, RowVersion, rows, sees_only_committed};
use crate::pg::executor::snapshot::{NewSnapshot, is_parallel};
use pgrx::{JsonB, pg_sys};
use segrec_engine::options::algorithm::Decided;
use serde_json::Value;

/// What is stored of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// Everything.
    Ready,
    /// Only why its training failed.
    Failed,
    /// Only what its training found, since a later one dropped the rest.
    History,
}

/// A version in the list of its model.
#[derive(Clone, Debug)]
pub struct Version {
    /// The key in the table of versions.
    pub version_id: i64,
    /// The number within its model, from 1.
    pub version: i32,
    /// What is stored of it.
    pub state: VersionState,
    /// Whether it has ever been deployed.
    pub was_deployed: bool,
    /// The checked options of its training.
    pub options: Value,
    /// The choices that its training made where options leave them open; `None` without events.
    pub decided: Option<Value>,
    /// The name of the deciding metric.
    pub metric: Option<String>,
    /// Its value of that metric.
    pub value: Option<f64>,
    pub users: Option<i64>,
    /// The number of items; `None` without events.
    pub items: Option<i64>,
    /// The number of events; `None` without events.
    pub events: Option<i64>,
}

impl Version {
    /// The decoded choices of its training; `None` without events.
    pub fn decided(&self) -> Result<Option<Decided>> {
        self.decided.clone().map(decided).transpose()
    }
}

pub fn decided(stored: Value) -> Result<Decided> {
    serde_json::from_value(stored).map_err(|error| SegrecError::VersionDamaged {
        reason: format!("The values determined by its training cannot be read: {error}"),
    })
}

/// The versions of a model: the most recently deployed first, then the newest.
pub fn list(model_id: i64) -> Result<Vec<Version>> {
    as_owner(|| {
        query(
            "SELECT version_id, version, state, deployed_at IS NOT NULL, options, decided, value, metric, \
                 users, items, events \
             FROM segrec_catalog.versions WHERE model_id = $1 \
             ORDER BY deployed_at DESC NULLS LAST, version DESC",
            &[model_id.into()],
            |row| {
                Ok(Version {
                    version_id: row.value(1)?,
                    version: row.value(2)?,
                    state: match row.value::<String>(3)?.as_str() {
                        "ready" => VersionState::Ready,
                        "history" => VersionState::History,
                        _ => VersionState::Failed,
                    },
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

/// The number of users of a version.
pub fn user_count(version_id: i64) -> Result<usize> {
    let sql = "SELECT users FROM segrec_catalog.versions WHERE version_id = $1";
    let found = as_owner(|| query(sql, &[version_id.into()], |row| row.value::<i64>(1)))?;
    Ok(found.into_iter().next().unwrap_or(0) as usize)
}

/// The oid of the table of versions, which distinguishes installations of the extension.
pub fn table() -> Result<pg_sys::Oid> {
    Ok(catalog_table(c"versions")?.0)
}

/// A version of a version's row. It changes with everything that is stored about the version. The table is included,
/// because a recreated extension may have a row with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenVersion {
    /// The key of the version.
    pub version_id: i64,
    table: pg_sys::Oid,
    row: RowVersion,
}

/// Whether a version has been dropped, regardless of the statement's snapshot. Returns false in parallel mode, in which
/// this cannot be determined.
pub fn is_dropped(version_id: i64) -> Result<bool> {
    if is_parallel() {
        return Ok(false);
    }
    let _snapshot = NewSnapshot::latest();
    Ok(seen(version_id)?.is_none())
}

/// The row of a version; `None` if the statement cannot see it. Bypasses the executor.
pub fn seen(version_id: i64) -> Result<Option<SeenVersion>> {
    let table = table()?;
    let by_key = (c"versions_pkey", Key::Bigint(c"version_id", version_id));
    let found = rows(table, Some(by_key), 1, None).into_iter().next();
    Ok(found.map(|(row, _)| SeenVersion { version_id, table, row }))
}

/// Whether a version still exists whose rows have just been read. A statement normally reads the model, and thus the
/// deployed version, and these rows under one snapshot. But in a transaction that has written, every query has its own.
pub fn is_there(version_id: i64) -> Result<bool> {
    if sees_only_committed() {
        return Ok(true);
    }
    let sql = "SELECT EXISTS (SELECT FROM segrec_catalog.versions WHERE version_id = $1)";
    Ok(as_owner(|| query(sql, &[version_id.into()], |row| row.value::<bool>(1)))? == [true])
}

/// The keys of the deployed versions of all models.
pub fn deployed() -> Result<Vec<i64>> {
    let sql = "SELECT deployed_version_id FROM segrec_catalog.models WHERE deployed_version_id IS NOT NULL";
    as_owner(|| query(sql, &[], |row| row.value(1)))
}
