//! `segrec_rebind`: points a model at other relations and columns with the same id types, such as a table that a loader
//! has swapped in. Versions, labels, history and grants are kept.

use super::create::{check_attributes, check_filters, events_source, record_found, tell_of_events};
use super::options::check_options;
use crate::catalog::models::{self, ColumnNames, EventsSource, Model, RelationRef};
use crate::catalog::sources::relations::check_kind;
use crate::commands::access::privileges::{owned_and_locked, reads};
use crate::error::{Result, SegrecError};
use pgrx::pg_sys;
use segrec_engine::options::parse_options;

/// The changes that were given; everything else stays the same.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The new events relation.
    pub events: Option<pg_sys::Oid>,
    /// The new column of user ids.
    pub user: Option<String>,
    /// The new column of item ids.
    pub item: Option<String>,
    pub weight: Option<String>,
    pub time: Option<String>,
    pub event_type: Option<String>,
    /// The new relation of users.
    pub users: Option<pg_sys::Oid>,
    /// The column of its ids.
    pub users_key: Option<String>,
    /// The new relation of items.
    pub items: Option<pg_sys::Oid>,
    /// The column of its ids.
    pub items_key: Option<String>,
}

impl Changes {
    /// Whether the events relation or any of its columns changes.
    fn concern_events(&self) -> bool {
        let columns = [&self.user, &self.item, &self.weight, &self.time, &self.event_type];
        self.events.is_some() || columns.iter().any(|column| column.is_some())
    }
}

/// Points a model at other relations. The caller must be able to read them, and the id types must be the same.
pub fn rebind(model: Option<&str>, changes: &Changes) -> Result<()> {
    owned_and_locked(model, |model| bind(model, changes))
}

fn bind(before: Model, changes: &Changes) -> Result<()> {
    let mut model = before;
    let mut columns = None;
    let unbound = |argument| SegrecError::Unbound { model: model.name.clone(), argument };
    let events = match &model.events {
        None if changes.concern_events() => return Err(unbound("events")),
        None => None,
        Some(source) => {
            let (relation, names) = changed_events(source, changes);
            let (bound, found) = events_source(&model.name, relation, &names, &source.filter)?;
            check_kind(&model.name, &found.name, "user", &found.user, model.user_kind)?;
            check_kind(&model.name, &found.name, "item", &found.item, source.item_kind)?;
            columns = changes.concern_events().then_some(found);
            Some(bound)
        }
    };
    let users = changed(model.users.as_ref(), changes.users, changes.users_key.as_ref())
        .map_err(|()| unbound("users"))?;
    let items = changed(model.items.as_ref(), changes.items, changes.items_key.as_ref())
        .map_err(|()| unbound("items"))?;
    (model.events, model.users, model.items) = (events, users, items);
    let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
    check_options(&options, reads(&model))?;
    let item_kind = model.events.as_ref().map(|events| events.item_kind);
    let described = [model.users.as_ref(), model.items.as_ref()];
    check_filters(&model)?;
    check_attributes(&model.name, described, model.user_kind, item_kind, &options)?;
    models::bind(model.id, model.events.as_ref(), model.users.as_ref(), model.items.as_ref())?;
    record_found(&model.name)?;
    columns.map_or(Ok(()), |columns| tell_of_events(&columns))
}

fn changed_events(source: &EventsSource, changes: &Changes) -> (pg_sys::Oid, ColumnNames) {
    let EventsSource { relation, columns, .. } = source;
    let or = |change: &Option<String>, before: &Option<String>| change.clone().or_else(|| before.clone());
    let names = ColumnNames {
        user: changes.user.clone().unwrap_or_else(|| columns.user.clone()),
        item: changes.item.clone().unwrap_or_else(|| columns.item.clone()),
        weight: or(&changes.weight, &columns.weight),
        time: or(&changes.time, &columns.time),
        event_type: or(&changes.event_type, &columns.event_type),
    };
    (changes.events.unwrap_or(*relation), names)
}

/// A relation of users or items after the changes; an error if the model has no such relation to change.
fn changed(
    before: Option<&RelationRef>,
    relation: Option<pg_sys::Oid>,
    key: Option<&String>,
) -> Result<Option<RelationRef>, ()> {
    match before {
        None if relation.is_some() || key.is_some() => Err(()),
        None => Ok(None),
        Some(before) => Ok(Some(RelationRef {
            relation: relation.unwrap_or(before.relation),
            key: key.unwrap_or(&before.key).clone(),
            filter: before.filter.clone(),
        })),
    }
}
