//! A row of the table of models, and the contents of a new one.

use crate::catalog::statement::CatalogRow;
use crate::error::{Result, SegrecError};
use pgrx::{JsonB, pg_sys};
use segrec_engine::interactions::IdKind;
use segrec_engine::options::RowFilter;
use serde_json::Value;

/// A model as the caller sees it.
#[derive(Clone, Debug)]
pub struct Model {
    /// The key in the table of models.
    pub id: i64,
    pub name: String,
    /// The name of the role that owns it.
    pub owner: String,
    /// Whether the caller is a member of that role.
    pub is_owner: bool,
    /// Whether the caller is an owner, or may train it by a grant.
    pub may_train: bool,
    /// Whether the caller is an owner, or may label its segments by a grant.
    pub may_label: bool,
    /// The events that it reads; `None` if it only segments users.
    pub events: Option<EventsSource>,
    /// The relation of users, if any.
    pub users: Option<RelationRef>,
    /// The relation of items, if any.
    pub items: Option<RelationRef>,
    /// The type of user ids.
    pub user_kind: IdKind,
    /// The options as given by the owner.
    pub options: Value,
    /// The key of the deployed version.
    pub deployed_version_id: Option<i64>,
    /// The number of the last change of its rules; 0 if it never had any.
    pub rules_generation: i64,
}

/// The relation from which a model reads its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsSource {
    pub relation: pg_sys::Oid,
    /// The names of the columns that it reads.
    pub columns: ColumnNames,
    /// The type of item ids.
    pub item_kind: IdKind,
    /// The rows that it reads.
    pub filter: RowFilter,
}

/// The names of the columns that a model reads from its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnNames {
    /// The column of user ids.
    pub user: String,
    /// The column of item ids.
    pub item: String,
    pub weight: Option<String>,
    pub time: Option<String>,
    pub event_type: Option<String>,
}

/// A relation with attributes of users or items, and its id column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationRef {
    pub relation: pg_sys::Oid,
    /// The column of ids.
    pub key: String,
    /// The rows that are read.
    pub filter: RowFilter,
}

/// The contents of a new model.
#[derive(Clone, Debug)]
pub struct NewModel {
    pub name: String,
    /// The events that it reads; `None` if it only segments users.
    pub events: Option<EventsSource>,
    /// The relation of users, if any.
    pub users: Option<RelationRef>,
    /// The relation of items, if any.
    pub items: Option<RelationRef>,
    /// The type of user ids.
    pub user_kind: IdKind,
    /// The options as given by the owner.
    pub options: Value,
}

impl Model {
    /// Its name and the relation of users; no relation has the oid 0.
    pub fn users_relation(&self) -> (&str, pg_sys::Oid) {
        (&self.name, self.users.as_ref().map_or(pg_sys::InvalidOid, |users| users.relation))
    }

    /// Its name and the relation of items, likewise.
    pub fn items_relation(&self) -> (&str, pg_sys::Oid) {
        (&self.name, self.items.as_ref().map_or(pg_sys::InvalidOid, |items| items.relation))
    }

    /// The same model with other options, which filter what it reads.
    pub fn with_options(mut self, options: Value) -> Result<Self> {
        if let Some(events) = &mut self.events {
            events.filter = filter(&options, "events")?;
        }
        if let Some(users) = &mut self.users {
            users.filter = filter(&options, "users")?;
        }
        if let Some(items) = &mut self.items {
            items.filter = filter(&options, "items")?;
        }
        Ok(Self { options, ..self })
    }

    /// Whether it reads the same rows and columns of the same relations as `other`.
    pub fn reads_as(&self, other: &Self) -> bool {
        self.events == other.events && self.users == other.users && self.items == other.items
    }
}

fn kind(name: &str) -> Result<IdKind> {
    name.parse().map_err(|_| SegrecError::Internal(format!("unknown kind of id {name:?}")))
}

/// The filter of a relation in the options of a model.
pub fn filter(options: &Value, argument: &str) -> Result<RowFilter> {
    RowFilter::of(options, argument)
        .map_err(|error| SegrecError::Internal(format!("the filter of {argument} is damaged: {error}")))
}

/// Builds a model from the columns selected by [`columns`].
pub fn model(row: CatalogRow<'_>) -> Result<Model> {
    let relation: Option<pg_sys::Oid> = row.get(5)?;
    let options = row.value::<JsonB>(13)?.0;
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
                filter: filter(&options, "events")?,
            })
        })
        .transpose()?;
    let described = |relation: usize, argument: &str| {
        let (relation_and_key, filter) =
            (row.get(relation)?.zip(row.get(relation + 1)?), filter(&options, argument)?);
        Ok::<_, SegrecError>(relation_and_key.map(|(relation, key)| RelationRef { relation, key, filter }))
    };
    Ok(Model {
        id: row.value(1)?,
        name: row.value(2)?,
        owner: row.value(3)?,
        is_owner: row.value(4)?,
        may_train: row.value(19)?,
        may_label: row.value(21)?,
        events,
        users: described(15, "users")?,
        items: described(17, "items")?,
        user_kind: kind(&row.value::<String>(11)?)?,
        options,
        deployed_version_id: row.get(14)?,
        rules_generation: row.value(20)?,
    })
}

/// The select list for [`model`]; the arguments are expressions for the caller's rights.
pub fn columns(is_owner: &str, may_train: &str, may_label: &str) -> String {
    format!(
        "model_id, name, owner::text, {is_owner}, events::oid, user_column, item_column, \
         weight_column, time_column, type_column, user_id_kind, item_id_kind, options, deployed_version_id, \
         users::oid, users_key, items::oid, items_key, {may_train}, rules_generation, {may_label}"
    )
}
