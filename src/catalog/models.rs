//! The models: their definitions, found as the caller may see them.

use super::statement::{Prepared, Row, as_owner, execute, query, write};
use crate::error::{Holder, Result, SegrecError};
use crate::pg::executor::index_lookup::{Key, RowVersion, rows, sees_only_committed};
use crate::pg::security::owner::table_and_owner;
use crate::pg::security::rights::{acts_for, is_role};
use pgrx::{JsonB, pg_sys};
use segrec_engine::interactions::IdKind;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

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
    /// True where the caller is, or holds the privilege to train it.
    pub may_train: bool,
    /// What users did; none where the model only divides users.
    pub events: Option<EventsSource>,
    /// The relation of users.
    pub users: Option<RelationRef>,
    /// The relation of items.
    pub items: Option<RelationRef>,
    /// The kind of the users' ids.
    pub user_kind: IdKind,
    /// The options as given.
    pub options: Value,
    /// The version that answers.
    pub deployed_version_id: Option<i64>,
}

/// Where a model reads its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsSource {
    /// The relation.
    pub relation: pg_sys::Oid,
    /// The names of the columns it reads.
    pub columns: ColumnNames,
    /// The kind of the items' ids.
    pub item_kind: IdKind,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationRef {
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
    /// What users did.
    pub events: Option<EventsSource>,
    /// The relation of users.
    pub users: Option<RelationRef>,
    /// The relation of items.
    pub items: Option<RelationRef>,
    /// The kind of the users' ids.
    pub user_kind: IdKind,
    /// The options as given.
    pub options: Value,
}

impl Model {
    /// Whether it reads the same relations and columns as another state of it.
    pub fn reads_as(&self, other: &Self) -> bool {
        self.events == other.events && self.users == other.users && self.items == other.items
    }
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
    let relation: Option<pg_sys::Oid> = row.get(5)?;
    let events = relation
        .map(|relation| {
            Ok::<_, SegrecError>(EventsSource {
                relation,
                columns: ColumnNames {
                    user: row.value(6)?,
                    item: row.value(7)?,
                    weight: row.get(8)?,
                    time: row.get(9)?,
                    event_type: row.get(10)?,
                },
                item_kind: kind(&row.value::<String>(12)?)?,
            })
        })
        .transpose()?;
    let described = |relation: usize| {
        let relation_and_key = row.get(relation)?.zip(row.get(relation + 1)?);
        Ok::<_, SegrecError>(relation_and_key.map(|(relation, key)| RelationRef { relation, key }))
    };
    Ok(Model {
        id: row.value(1)?,
        name: row.value(2)?,
        owner: row.value(3)?,
        is_owner: row.value(4)?,
        may_train: row.value(19)?,
        events,
        users: described(15)?,
        items: described(17)?,
        user_kind: kind(&row.value::<String>(11)?)?,
        options: row.value::<JsonB>(13)?.0,
        deployed_version_id: row.get(14)?,
    })
}

/// What [`model`] reads, with who the caller is to the model.
fn columns(is_owner: &str, may_train: &str) -> String {
    format!(
        "model_id, name, owner::text, {is_owner}, events::oid, user_column, item_column, \
         weight_column, time_column, type_column, user_id_kind, item_id_kind, options, deployed_version_id, \
         users::oid, users_key, items::oid, items_key, {may_train}"
    )
}

/// Which model a call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// That of the name.
    Named(&'a str),
    /// The only one that can answer.
    Only(Answers),
}

/// What a model must have to answer a call that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// A deployed version.
    Segments,
    /// A deployed version, and events.
    Lists,
}

impl Answers {
    /// The condition on a row of models.
    fn condition(self) -> &'static str {
        match self {
            Self::Segments => "deployed_version_id IS NOT NULL",
            Self::Lists => "deployed_version_id IS NOT NULL AND events IS NOT NULL",
        }
    }
}

impl Wanted<'_> {
    /// Which of the three it is, and the name.
    fn key(&self) -> (usize, &str) {
        match self {
            Self::Named(name) => (0, name),
            Self::Only(Answers::Segments) => (1, ""),
            Self::Only(Answers::Lists) => (2, ""),
        }
    }
}

/// The look-ups of a model by name, and of any two that answer; a statement for each, so that each keeps its plan.
type LookUps = [RefCell<Option<Prepared>>; 3];

thread_local! {
    /// Among all models, and among those the caller may use.
    static FIND: [LookUps; 2] = const { [const { [const { RefCell::new(None) }; 3] }; 2] };
}

/// At most two models of a relation.
fn look_up<T>(
    [by_name, segments, lists]: &LookUps,
    wanted: Wanted<'_>,
    what: impl FnOnce() -> String,
    each: impl FnMut(Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let (slot, condition, types, arguments): (_, _, &[_], &[_]) = match wanted {
        Wanted::Named(name) => (by_name, "name = $1", &[pg_sys::TEXTOID], &[name.into()]),
        Wanted::Only(answers @ Answers::Segments) => (segments, answers.condition(), &[], &[]),
        Wanted::Only(answers @ Answers::Lists) => (lists, answers.condition(), &[], &[]),
    };
    if slot.borrow().is_none() {
        slot.replace(Some(Prepared::new(&format!("SELECT {} WHERE {condition} LIMIT 2", what()), types)?));
    }
    match &*slot.borrow() {
        Some(statement) => statement.query(arguments, each),
        None => Ok(Vec::new()),
    }
}

/// The usable model of that name.
pub fn find(name: &str) -> Result<Option<Model>> {
    Ok(find_wanted(Wanted::Named(name))?.0.pop())
}

/// Up to two usable models, and whether there is no other for anybody.
fn find_wanted(wanted: Wanted<'_>) -> Result<(Vec<Model>, bool)> {
    FIND.with(|[all, usable]| {
        // Whoever acts for the owner may do everything, and is told so without the plan of the view, which costs
        // more than the rest of a look-up.
        let found = as_owner(|| {
            let what = || format!("{}, owner::oid FROM segrec_catalog.owned_models", columns("true", "true"));
            look_up(all, wanted, what, |row| Ok((row.value::<pg_sys::Oid>(20)?, model(row)?)))
        })?;
        let only = found.len() == 1;
        match <[_; 1]>::try_from(found) {
            Ok([(owner, model)]) if acts_for(owner) => Ok((vec![model], only)),
            _ => {
                let what =
                    || format!("{} FROM segrec_catalog.usable_models", columns("is_owner", "may_train"));
                Ok((look_up(usable, wanted, what, model)?, only))
            }
        }
    })
}

/// The rows that say what a model is, and those that say whose it is, each with their table: where the extension was made
/// anew, other tables have rows in the same places.
type Rows = [(pg_sys::Oid, Vec<(RowVersion, pg_sys::Oid)>); 2];

/// Models by names, and the rows that say so.
type Found = HashMap<String, (Rc<Model>, Rows)>;

thread_local! {
    /// What this session has found before, by the key of what was wanted.
    static FOUND: RefCell<[Found; 3]> = RefCell::default();
}

fn table(name: &CStr) -> Result<pg_sys::Oid> {
    let found = table_and_owner(c"segrec_catalog", name);
    found.map(|(table, _)| table).ok_or_else(|| SegrecError::Internal(format!("{name:?} is missing")))
}

/// Among so many models the only one that answers is known by the rows of all.
const FEW: usize = 16;

fn rows_of(wanted: Wanted<'_>, model_id: i64) -> Result<Rows> {
    let by_name = match wanted {
        Wanted::Named(name) => Some((c"models_name_key", Key::Text(c"name", name))),
        Wanted::Only(_) => None,
    };
    let by_model = (c"model_owners_pkey", Key::Bigint(c"model_id", model_id));
    let (models, owners) = (table(c"models")?, table(c"model_owners")?);
    Ok([
        (models, rows(models, by_name, FEW, None)),
        (owners, rows(owners, Some(by_model), 1, Some(c"owner"))),
    ])
}

/// Whether the current role is a member of the owner, who is there still, or of a role that holds a grant.
fn may_use(model_id: i64, [_, (_, owners)]: &Rows) -> Result<bool> {
    let [(_, owner)] = owners[..] else {
        return Ok(false);
    };
    if !is_role(owner) {
        return Ok(false);
    }
    if acts_for(owner) {
        return Ok(true);
    }
    let by_model = (c"model_grants_pkey", Key::Bigint(c"model_id", model_id));
    let grants = rows(table(c"model_grants")?, Some(by_model), usize::MAX, Some(c"grantee"));
    let held = |grantee| grantee == pg_sys::InvalidOid || (is_role(grantee) && acts_for(grantee));
    Ok(grants.iter().any(|&(_, grantee)| held(grantee)))
}

/// [`find`], for recommending: at a tenth of the cost where this session has found the model before, the same rows
/// still say so, and the caller is its owner or holds a grant. What else the caller may do it does not say.
pub fn find_served(wanted: Wanted<'_>) -> Result<Vec<Rc<Model>>> {
    // Rows that may be undone say nothing.
    if !sees_only_committed() {
        return Ok(find_wanted(wanted)?.0.into_iter().map(Rc::new).collect());
    }
    let (kind, name) = wanted.key();
    if let Some((model, then)) = FOUND.with_borrow(|found| found[kind].get(name).cloned()) {
        let now = rows_of(wanted, model.id)?;
        if now == then && may_use(model.id, &now)? {
            return Ok(vec![model]);
        }
    }
    let (found, only) = find_wanted(wanted)?;
    let mut found: Vec<Rc<Model>> = found.into_iter().map(Rc::new).collect();
    if let [model] = found.as_mut_slice() {
        *model = Rc::new(Model { is_owner: false, may_train: false, ..Model::clone(model) });
        let rows = rows_of(wanted, model.id)?;
        // The rows do not say which of several the caller may use, and nothing of what is beyond them.
        if only && rows[0].1.len() < FEW {
            FOUND.with_borrow_mut(|found| found[kind].insert(name.to_owned(), (Rc::clone(model), rows)));
        }
    }
    Ok(found)
}

/// The names of all usable models.
pub fn names() -> Result<Vec<String>> {
    query("SELECT name FROM segrec_catalog.usable_models ORDER BY name", &[], |row| row.value(1))
}

/// The names of all usable models, those that answer apart from the others.
pub fn names_by(answers: Answers) -> Result<(Vec<String>, Vec<String>)> {
    let condition = answers.condition();
    let sql = format!("SELECT name, {condition} FROM segrec_catalog.usable_models ORDER BY name");
    let named: Vec<(String, bool)> = query(&sql, &[], |row| Ok((row.value(1)?, row.value(2)?)))?;
    let (able, others): (Vec<_>, Vec<_>) = named.into_iter().partition(|(_, able)| *able);
    let names = |named: Vec<(String, bool)>| named.into_iter().map(|(name, _)| name).collect();
    Ok((names(able), names(others)))
}

/// The keys and names of all usable models.
pub fn usable() -> Result<Vec<(i64, String)>> {
    let sql = "SELECT model_id, name FROM segrec_catalog.usable_models ORDER BY name";
    query(sql, &[], |row| Ok((row.value(1)?, row.value(2)?)))
}

/// Stores a new model; gives its key, or none where the name is taken.
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

/// A relation of a model whose name another has by now.
pub struct Swapped {
    /// The argument that says which it is.
    pub argument: String,
    /// The name it had.
    pub name: String,
    /// The name it has.
    pub now: String,
}

/// Those relations of a model whose names others have by now.
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

/// Stores other options.
pub fn set_options(model_id: i64, options: Value) -> Result<()> {
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.models SET options = $2 WHERE model_id = $1",
            &[model_id.into(), JsonB(options).into()],
        )
    })
}

/// What others may change in a model's row while nobody locks it.
pub struct LockedRow {
    /// The key of the deployed version.
    pub deployed_version_id: Option<i64>,
    /// The options.
    pub options: Value,
}

/// Keeps a model's row from being changed by others to the end of the transaction, and gives what it says now.
pub fn lock_row(model: &Model) -> Result<LockedRow> {
    let sql = "SELECT deployed_version_id, options FROM segrec_catalog.models WHERE model_id = $1 FOR NO KEY UPDATE";
    let found = as_owner(|| {
        write(sql, &[model.id.into()], |row| {
            Ok(LockedRow { deployed_version_id: row.get(1)?, options: row.value::<JsonB>(2)?.0 })
        })
    })?;
    found.into_iter().next().ok_or_else(|| gone(model))
}

/// Keeps a model from being dropped by others to the end of the transaction: for what adds rows to it. It comes before any
/// lock on other rows of the model, as [`take`] does.
pub fn keep(model: &Model) -> Result<()> {
    locked_for(model, "KEY SHARE")
}

/// Waits until nobody keeps a model any more, and from then on lets nobody: for dropping it.
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

/// Lets a version answer from the next statement on, and writes down whose segment changes by it; false where the version
/// is gone. Who drops a version locks the model's row before looking which one is deployed.
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
        // Users that left or changed their segment, then those that came or changed it. Both look rows up by whole keys, so
        // that they are quick even where the planner knows nothing of the history yet and goes through it row by row.
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

/// Who holds the lock on a model or the like.
pub fn lock_holder(models_table: pg_sys::Oid, model_id: i64) -> Result<Holder> {
    let found = query(
        // A prepared transaction has no process, and a lock on its own number.
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

/// Whether this transaction made the model, so that nobody else sees it.
pub fn is_uncommitted(model_id: i64) -> Result<bool> {
    let sql = "SELECT xmin::text::bigint = pg_catalog.pg_current_xact_id_if_assigned()::text::bigint % 4294967296 IS TRUE \
               FROM segrec_catalog.models WHERE model_id = $1";
    let found = as_owner(|| query(sql, &[model_id.into()], |row| row.value(1)))?;
    Ok(found.into_iter().next().unwrap_or(false))
}

/// The models that the caller may train.
pub fn trainable() -> Result<Vec<i64>> {
    query("SELECT model_id FROM segrec_catalog.usable_models WHERE may_train", &[], |row| row.value(1))
}
