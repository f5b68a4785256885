//! `segrec_create_model`: checks a model completely before it is stored.

use super::options::{ModelSources, check_options};
use crate::catalog::models::owners;
use crate::catalog::models::{self, EventsSource, NewModel};
pub use crate::catalog::models::{ColumnNames, RelationRef};
use crate::catalog::sources::events;
use crate::catalog::sources::relations::{self, EventColumns, SourceColumn};
use crate::catalog::sources::shown_rows::{ShownColumns, ShownRows};
use crate::commands::access::privileges::refuse_here;
use crate::commands::training::read::{category_columns, item_columns, user_columns};
use crate::error::{Result, SegrecError, notice};
use crate::pg::executor::relation::Relation;
use crate::pg::security::rights::current_role;
use pgrx::pg_sys;
use segrec_engine::interactions::IdKind;
use segrec_engine::options::checked::ItemOptions;
use segrec_engine::options::{Options, parse_options};
use serde_json::Value;

/// The arguments of the call.
pub struct ModelArguments {
    /// The name of the model.
    pub model: Option<String>,
    /// The events relation.
    pub events: Option<pg_sys::Oid>,
    /// The names of its columns.
    pub columns: ColumnNames,
    /// The relation of users and its id column.
    pub users: Option<RelationRef>,
    /// The relation of items and its id column.
    pub items: Option<RelationRef>,
    pub options: Value,
}

/// PostgreSQL's limit on names.
const LONGEST_NAME: usize = 63;

pub fn create_model(arguments: ModelArguments) -> Result<()> {
    refuse_here()?;
    let name = arguments.model.ok_or(SegrecError::NullArgument { argument: "model" })?;
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(SegrecError::InvalidName { name });
    }
    let options = parse_options(&arguments.options).map_err(SegrecError::InvalidOptions)?;
    let events =
        arguments.events.map(|relation| events_source(&name, relation, &arguments.columns)).transpose()?;
    let user_kind = match (&events, &arguments.users) {
        (Some((_, columns)), _) => columns.kinds[0],
        (None, Some(users)) => key_kind(users, "users_key", None)?,
        (None, None) => return Err(SegrecError::NothingToRead),
    };
    let source = events.as_ref().map(|(source, _)| source);
    check_options(
        &options,
        ModelSources {
            events: source.map(|source| &source.columns),
            users: arguments.users.as_ref(),
            items: arguments.items.as_ref(),
        },
    )?;
    let item_kind = source.map(|source| source.item_kind);
    if [Some(user_kind), item_kind].contains(&Some(IdKind::Text)) {
        let encoding = relations::database_encoding()?;
        if encoding != "UTF8" {
            return Err(SegrecError::TextNeedsUtf8 { encoding });
        }
    }
    check_attributes(
        &name,
        [arguments.users.as_ref(), arguments.items.as_ref()],
        user_kind,
        item_kind,
        &options,
    )?;
    let Some(model_id) = models::insert(NewModel {
        name: name.clone(),
        events: source.cloned(),
        users: arguments.users,
        items: arguments.items,
        user_kind,
        options: arguments.options,
    })?
    else {
        return Err(SegrecError::ModelExists { name });
    };
    owners::set(model_id, current_role())?;
    events.map_or(Ok(()), |(_, columns)| tell_of_events(&columns))
}

/// Notes what will not work with these events.
pub fn tell_of_events(columns: &EventColumns) -> Result<()> {
    if columns.relation.is_temporary {
        tell_of_temporary(columns);
        return Ok(());
    }
    advise_index(columns)
}

/// Notes what will not work with events in a temporary table.
fn tell_of_temporary(columns: &EventColumns) {
    notice(
        format!("\"{}\" is a temporary table", columns.name),
        Some(
            "It will be dropped at the end of the session, and no other session can train the model or read the events."
                .to_owned(),
        ),
        Some(
            "Other sessions get results as of the training; to avoid this, create the model on a permanent table."
                .to_owned(),
        ),
    );
}

/// Checks the events relation of a model.
pub fn events_source(
    model: &str,
    relation: pg_sys::Oid,
    names: &ColumnNames,
) -> Result<(EventsSource, EventColumns)> {
    readable(relation)?;
    let columns = relations::event_columns(model, relation, names)?;
    if names.user == names.item {
        return Err(SegrecError::SameColumn { relation: columns.name, column: names.user.clone() });
    }
    relations::probe(&columns.relation, &events::expressions(&columns))?;
    Ok((EventsSource { relation, columns: names.clone(), item_kind: columns.kinds[1] }, columns))
}

/// Returns an error if the relations of users and items do not match the events, or may not be read.
pub fn check_attributes(
    model: &str,
    [users, items]: [Option<&RelationRef>; 2],
    user_kind: IdKind,
    item_kind: Option<IdKind>,
    options: &Options,
) -> Result<()> {
    if let Some(items) = items {
        key_kind(items, "items_key", item_kind)?;
    }
    if let Some(users) = users {
        key_kind(users, "users_key", Some(user_kind))?;
        user_columns(model, users, user_kind, &[options])?.probe()?;
    }
    if let (Some(items), Some(kind)) = (items, item_kind)
        && let Some(columns) = category_columns(model, items, kind, options)?
    {
        columns.probe()?;
    }
    if let (Some(items), Some(kind)) = (items, item_kind)
        && let Some(columns) = item_columns(model, items, kind, options)?
    {
        columns.probe_texts(&options.items.text_config)?;
    }
    if let (Some(items), Some(kind)) = (items, item_kind) {
        check_shown(model, items, kind, options)?;
    }
    Ok(())
}

/// Returns an error if the columns of items that decide what lists show do not exist, or may not be read.
pub fn check_shown(model: &str, items: &RelationRef, kind: IdKind, options: &Options) -> Result<()> {
    let ItemOptions { available, group_column: group, .. } = options.items.clone();
    let columns = ShownColumns { available, group };
    match columns == ShownColumns::default() {
        true => Ok(()),
        false => ShownRows::new(model, items, kind, &columns)?.probe(),
    }
}

/// The type of ids in a relation's key column; an error if it differs from that of the events.
fn key_kind(described: &RelationRef, argument: &'static str, kind: Option<IdKind>) -> Result<IdKind> {
    let relation = readable(described.relation)?;
    let Some(column) = relation.column(&described.key).map(SourceColumn::from) else {
        return Err(SegrecError::MissingColumns {
            relation: relation.name,
            missing: vec![(argument.to_owned(), described.key.clone())],
            existing: relation.columns.into_iter().map(|column| column.name).collect(),
        });
    };
    let wrong = |what: String| {
        let (name, of) = (&column.name, &column.type_name);
        let columns = vec![format!("\"{name}\" is {of}, {what}.")];
        Err(SegrecError::WrongColumnTypes { relation: relation.name.clone(), columns })
    };
    match (column.id_kind(), kind) {
        (None, _) => wrong(format!("but {argument} must be bigint, uuid or text")),
        (Some(found), Some(kind)) if found != kind => {
            wrong(format!("but the ids of events are {}", kind.name()))
        }
        (Some(found), _) => Ok(found),
    }
}

/// Describes a relation; an error if it cannot be read row by row.
pub fn readable(relation: pg_sys::Oid) -> Result<Relation> {
    let Some(found) = Relation::hold(relation) else {
        return Err(SegrecError::NoSuchRelation { oid: relation.to_u32() });
    };
    let kind = match found.kind {
        b'r' | b'v' | b'm' | b'f' | b'p' => return Ok(found),
        b'i' | b'I' => "an index",
        b'S' => "a sequence",
        b'c' => "a composite type",
        _ => "not a relation of rows",
    };
    Err(SegrecError::NotReadable { relation: found.name, kind })
}

/// Suggests an index with which recommendations follow a user's current events.
fn advise_index(columns: &EventColumns) -> Result<()> {
    let relation = &columns.relation;
    if relations::has_leading_index(relation.oid, &columns.user.name)? {
        return Ok(());
    }
    let user = pgrx::spi::quote_identifier(&columns.user.name);
    let hint = if b"rpm".contains(&relation.kind) {
        format!("run CREATE INDEX ON {} ({user}).", relation.quoted)
    } else {
        "create the model on a table or a materialized view with such an index.".to_owned()
    };
    notice(
        format!("recommendations will use the events of \"{}\" as of the training", columns.name),
        Some(format!("No index of \"{}\" has the leading column {user}.", columns.name)),
        Some(format!("For recommendations that follow every event immediately, {hint}")),
    );
    Ok(())
}
