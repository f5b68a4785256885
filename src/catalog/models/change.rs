//! Stores and modifies models.

use super::model::{ColumnNames, EventsSource, NewModel, RelationRef};
use crate::catalog::statement::{as_owner, execute, query, write};
use crate::error::Result;
use pgrx::JsonB;
use serde_json::Value;

/// Stores a new model and returns its key; `None` if the name is taken.
pub fn insert(new: NewModel) -> Result<Option<i64>> {
    let events = new.events.as_ref();
    let columns = events.map(|events| events.columns.clone());
    let column = |name: fn(&ColumnNames) -> Option<&String>| columns.as_ref().and_then(name).cloned();
    let (users, users_key) = new.users.map(|d| (d.relation, d.key)).unzip();
    let (items, items_key) = new.items.map(|d| (d.relation, d.key)).unzip();
    as_owner(|| {
        let inserted = write(
            "INSERT INTO segrec_catalog.models (name, events, user_column, item_column, weight_column, \
             time_column, type_column, users, users_key, items, items_key, user_id_kind, item_id_kind, options, \
             events_name, users_name, items_name) \
             VALUES ($1, $2::regclass, $3, $4, $5, $6, $7, $8::regclass, $9, $10::regclass, $11, $12, $13, $14, \
             $2::regclass::text, $8::regclass::text, $10::regclass::text) \
             ON CONFLICT (name) DO NOTHING RETURNING model_id",
            &[
                new.name.into(),
                events.map(|events| events.relation).into(),
                column(|columns| Some(&columns.user)).into(),
                column(|columns| Some(&columns.item)).into(),
                column(|columns| columns.weight.as_ref()).into(),
                column(|columns| columns.time.as_ref()).into(),
                column(|columns| columns.event_type.as_ref()).into(),
                users.into(),
                users_key.into(),
                items.into(),
                items_key.into(),
                new.user_kind.name().into(),
                events.map(|events| events.item_kind.name()).into(),
                JsonB(new.options).into(),
            ],
            |row| row.value::<i64>(1),
        )?;
        Ok(inserted.into_iter().next())
    })
}

/// Points a model at relations and columns.
pub fn bind(
    model_id: i64,
    events: Option<&EventsSource>,
    users: Option<&RelationRef>,
    items: Option<&RelationRef>,
) -> Result<()> {
    let column =
        |name: fn(&ColumnNames) -> Option<&String>| events.and_then(|events| name(&events.columns)).cloned();
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.models SET events = $2::regclass, user_column = $3, item_column = $4, weight_column = $5, \
                 time_column = $6, type_column = $7, users = $8::regclass, users_key = $9, items = $10::regclass, items_key = $11, \
                 events_name = $2::regclass::text, users_name = $8::regclass::text, items_name = $10::regclass::text \
             WHERE model_id = $1",
            &[
                model_id.into(),
                events.map(|events| events.relation).into(),
                column(|columns| Some(&columns.user)).into(),
                column(|columns| Some(&columns.item)).into(),
                column(|columns| columns.weight.as_ref()).into(),
                column(|columns| columns.time.as_ref()).into(),
                column(|columns| columns.event_type.as_ref()).into(),
                users.map(|users| users.relation).into(),
                users.map(|users| users.key.as_str()).into(),
                items.map(|items| items.relation).into(),
                items.map(|items| items.key.as_str()).into(),
            ],
        )
    })
}

/// A relation of a model whose former name now belongs to another relation.
pub struct Swapped {
    /// The argument that named the relation.
    pub argument: String,
    /// The name it had.
    pub name: String,
    /// The name it has now.
    pub now: String,
}

/// The relations of a model whose former names now belong to other relations.
pub fn swapped(model_id: i64) -> Result<Vec<Swapped>> {
    let sql = "SELECT bound.argument, bound.name, bound.relation::regclass::text FROM segrec_catalog.models model, \
                   LATERAL (VALUES ('events', model.events_name, model.events::oid), ('users', model.users_name, model.users::oid), \
                                   ('items', model.items_name, model.items::oid)) AS bound (argument, name, relation) \
               WHERE model.model_id = $1 AND pg_catalog.to_regclass(bound.name)::oid <> bound.relation \
                 AND EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid = bound.relation)";
    as_owner(|| {
        query(sql, &[model_id.into()], |row| {
            Ok(Swapped { argument: row.value(1)?, name: row.value(2)?, now: row.value(3)? })
        })
    })
}

/// Replaces the options of a model.
pub fn set_options(model_id: i64, options: Value) -> Result<()> {
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.models SET options = $2 WHERE model_id = $1",
            &[model_id.into(), JsonB(options).into()],
        )
    })
}

/// Records whether the rows of one user of a view are read at calls, and why, for views of the catalog, which plan nothing.
pub fn set_found(model_id: i64, found: Option<(bool, String)>) -> Result<()> {
    let (live, reason) = found.unzip();
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.models SET live_by_plan = $2, plan_reason = $3 \
             WHERE model_id = $1 AND (live_by_plan, plan_reason) IS DISTINCT FROM ($2, $3)",
            &[model_id.into(), live.into(), reason.into()],
        )
    })
}

/// Deploys a version from the next statement on, and records the users whose segment changes; false if the version is
/// gone. Dropping a version locks the model's row before it checks which one is deployed.
pub fn deploy(model_id: i64, version_id: i64) -> Result<bool> {
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.models SET deployed_version_id = $2 WHERE model_id = $1",
            &[model_id.into(), version_id.into()],
        )?;
        let there = write(
            "UPDATE segrec_catalog.versions SET deployed_at = pg_catalog.clock_timestamp() WHERE version_id = $1 \
             RETURNING version_id",
            &[version_id.into()],
            |row| row.value::<i64>(1),
        )?;
        if there.is_empty() {
            return Ok(false);
        }
        execute(
            "INSERT INTO segrec_catalog.deployments (model_id, deployed_at, version, as_of) \
             SELECT model_id, deployed_at, version, as_of FROM segrec_catalog.versions WHERE version_id = $1 \
             ON CONFLICT (model_id, deployed_at) DO UPDATE SET version = EXCLUDED.version, as_of = EXCLUDED.as_of",
            &[version_id.into()],
        )?;
        // Users who left or changed their segment, then those who joined or changed it. Both look up rows by full keys,
        // which stays fast even if the planner has no statistics of the history yet and scans it row by row.
        execute(
            "UPDATE segrec_catalog.segment_history history SET valid_to = deployed.deployed_at \
             FROM segrec_catalog.versions deployed \
             WHERE deployed.version_id = $2 AND history.model_id = $1 AND history.valid_to IS NULL \
               AND NOT EXISTS (SELECT FROM segrec_catalog.version_users member \
                               WHERE member.version_id = $2 AND member.user_id = history.user_id \
                                 AND member.segment = history.segment)",
            &[model_id.into(), version_id.into()],
        )?;
        execute(
            "INSERT INTO segrec_catalog.segment_history (model_id, user_id, segment, valid_from) \
             SELECT $1, member.user_id, member.segment, deployed.deployed_at \
             FROM segrec_catalog.version_users member CROSS JOIN segrec_catalog.versions deployed \
             WHERE member.version_id = $2 AND deployed.version_id = $2 \
               AND NOT EXISTS (SELECT FROM segrec_catalog.segment_history history \
                               WHERE history.model_id = $1 AND history.user_id = member.user_id \
                                 AND history.valid_to IS NULL)",
            &[model_id.into(), version_id.into()],
        )?;
        Ok(true)
    })
}
