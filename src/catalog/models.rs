//! The models: their definitions, found as the caller may see them.

use super::statement::{Prepared, Row, as_owner, execute, query, write};
use crate::error::{Result, SegrecError};
use pgrx::{JsonB, pg_sys};
use segrec_engine::interactions::IdKind;
use serde_json::Value;
use std::cell::RefCell;

/// A model as the caller sees it.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its key.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The role that owns it.
    pub owner: String,
    /// True where the caller is a member of that role.
    pub is_owner: bool,
    /// The events relation.
    pub events: pg_sys::Oid,
    /// The names of the columns it reads.
    pub columns: ColumnNames,
    /// The kind of the users' ids.
    pub user_kind: IdKind,
    /// The kind of the items' ids.
    pub item_kind: IdKind,
    /// The options as given.
    pub options: Value,
    /// The version that answers.
    pub deployed_version_id: Option<i64>,
}

/// The names of the columns that a model reads from its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnNames {
    /// The user's id.
    pub user: String,
    /// The item's id.
    pub item: String,
    /// The weight.
    pub weight: Option<String>,
    /// The time.
    pub time: Option<String>,
    /// The type.
    pub event_type: Option<String>,
}

/// A relation that describes users or items, and the column of their ids.
#[derive(Clone, Debug)]
pub struct Described {
    /// The relation.
    pub relation: pg_sys::Oid,
    /// The column.
    pub key: String,
}

/// What is stored of a new model.
#[derive(Clone, Debug)]
pub struct NewModel {
    /// Its name.
    pub name: String,
    /// The events relation.
    pub events: pg_sys::Oid,
    /// The names of the columns it reads.
    pub columns: ColumnNames,
    /// The relation of users.
    pub users: Option<Described>,
    /// The relation of items.
    pub items: Option<Described>,
    /// The kind of the users' ids.
    pub user_kind: IdKind,
    /// The kind of the items' ids.
    pub item_kind: IdKind,
    /// The options as given.
    pub options: Value,
}

fn kind(name: &str) -> Result<IdKind> {
    match name {
        "bigint" => Ok(IdKind::Bigint),
        "uuid" => Ok(IdKind::Uuid),
        "text" => Ok(IdKind::Text),
        other => Err(SegrecError::Internal(format!("unknown kind of id {other:?}"))),
    }
}

fn model(row: Row<'_>) -> Result<Model> {
    let (user_kind, item_kind): (String, String) = (row.value(11)?, row.value(12)?);
    Ok(Model {
        id: row.value(1)?,
        name: row.value(2)?,
        owner: row.value(3)?,
        is_owner: row.value(4)?,
        events: row.value(5)?,
        columns: ColumnNames {
            user: row.value(6)?,
            item: row.value(7)?,
            weight: row.get(8)?,
            time: row.get(9)?,
            event_type: row.get(10)?,
        },
        user_kind: kind(&user_kind)?,
        item_kind: kind(&item_kind)?,
        options: row.value::<JsonB>(13)?.0,
        deployed_version_id: row.get(14)?,
    })
}

/// One model by its name, or the first two where the name is null.
const FIND: &str = "SELECT model_id, name, owner::text, is_owner, events::oid, user_column, item_column, \
     weight_column, time_column, type_column, user_id_kind, item_id_kind, options, deployed_version_id \
     FROM segrec_catalog.usable_models WHERE $1 IS NULL OR name = $1 LIMIT 2";

thread_local! {
    static FIND_PREPARED: RefCell<Option<Prepared>> = const { RefCell::new(None) };
}

/// The usable models of that name (at most one), or with no name up to two of all.
pub fn find(name: Option<&str>) -> Result<Vec<Model>> {
    FIND_PREPARED.with(|prepared| {
        if prepared.borrow().is_none() {
            let statement = Prepared::new(FIND, &[pg_sys::BuiltinOid::TEXTOID])?;
            prepared.replace(Some(statement));
        }
        match &*prepared.borrow() {
            Some(statement) => statement.query(&[name.into()], model),
            None => Ok(Vec::new()),
        }
    })
}

/// The names of all usable models.
pub fn names() -> Result<Vec<String>> {
    query("SELECT name FROM segrec_catalog.usable_models ORDER BY name", &[], |row| row.value(1))
}

/// Stores a new model owned by the current role; false where the name is taken.
pub fn insert(new: NewModel) -> Result<bool> {
    // Asked before the owner of the catalog acts.
    let owner: Vec<pg_sys::Oid> =
        query("SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user", &[], |row| row.value(1))?;
    let (users, users_key) = new.users.map(|d| (d.relation, d.key)).unzip();
    let (items, items_key) = new.items.map(|d| (d.relation, d.key)).unzip();
    as_owner(|| {
        let inserted = write(
            "INSERT INTO segrec_catalog.models (name, owner, events, user_column, item_column, weight_column, \
             time_column, type_column, users, users_key, items, items_key, user_id_kind, item_id_kind, options) \
             VALUES ($1, $2::regrole, $3::regclass, $4, $5, $6, $7, $8, $9::regclass, $10, $11::regclass, $12, $13, $14, $15) \
             ON CONFLICT (name) DO NOTHING RETURNING model_id",
            &[
                new.name.into(),
                owner.first().copied().into(),
                new.events.into(),
                new.columns.user.into(),
                new.columns.item.into(),
                new.columns.weight.into(),
                new.columns.time.into(),
                new.columns.event_type.into(),
                users.into(),
                users_key.into(),
                items.into(),
                items_key.into(),
                new.user_kind.name().into(),
                new.item_kind.name().into(),
                JsonB(new.options).into(),
            ],
            |row| row.value::<i64>(1),
        )?;
        Ok(!inserted.is_empty())
    })
}

/// Stores other options.
pub fn set_options(model_id: i64, options: Value) -> Result<()> {
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.models SET options = $2 WHERE model_id = $1",
            &[model_id.into(), JsonB(options).into()],
        )
    })
}

/// Lets a version answer from the next statement on.
pub fn deploy(model_id: i64, version_id: i64) -> Result<()> {
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.models SET deployed_version_id = $2 WHERE model_id = $1",
            &[model_id.into(), version_id.into()],
        )?;
        execute(
            "UPDATE segrec_catalog.versions SET deployed_at = pg_catalog.clock_timestamp() WHERE version_id = $1",
            &[version_id.into()],
        )
    })
}

/// Deletes the model's row and with it all rows of its versions; partitions are dropped before.
pub fn delete(model_id: i64) -> Result<()> {
    as_owner(|| execute("DELETE FROM segrec_catalog.models WHERE model_id = $1", &[model_id.into()]))
}

/// The process that holds the lock on a model.
pub fn lock_holder(models_table: pg_sys::Oid, model_id: i64) -> Result<Option<i32>> {
    let found = query(
        "SELECT pid FROM pg_catalog.pg_locks \
         WHERE locktype = 'object' AND classid = $1 \
           AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
           AND objid = ($2 % 4294967296)::oid AND granted",
        &[models_table.into(), model_id.into()],
        |row| row.value(1),
    )?;
    Ok(found.into_iter().next())
}
