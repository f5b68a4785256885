//! `segrec_create_model`: checks everything about a model before it is stored.

use crate::catalog::events;
use crate::catalog::models::{self, ColumnNames, Described, NewModel};
use crate::catalog::relations::{self, Column, EventColumns};
use crate::error::{Result, SegrecError, notice};
use crate::pg::lock::refuse_on_replica;
use pgrx::pg_sys;
use segrec_engine::interactions::{Duplicates, IdKind};
use segrec_engine::recipe::{Options, parse_options};
use serde_json::Value;

/// The arguments, as given.
pub struct Arguments {
    /// The name.
    pub model: Option<String>,
    /// The events relation.
    pub events: Option<pg_sys::Oid>,
    /// The names of its columns.
    pub columns: ColumnNames,
    /// The relation of users and the column of their ids.
    pub users: Option<Described>,
    /// The relation of items and the column of their ids.
    pub items: Option<Described>,
    /// The options.
    pub options: Value,
}

/// PostgreSQL's own limit of names.
const LONGEST_NAME: usize = 63;

/// Creates a model.
pub fn create_model(arguments: Arguments) -> Result<()> {
    refuse_on_replica();
    let name = arguments.model.ok_or(SegrecError::NullArgument { argument: "model" })?;
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(SegrecError::InvalidName { name });
    }
    let events = arguments.events.ok_or(SegrecError::NullArgument { argument: "events" })?;
    let options = parse_options(&arguments.options).map_err(SegrecError::InvalidOptions)?;
    check_readable(events)?;
    let columns = relations::event_columns(&name, events, &arguments.columns)?;
    check_options(&options, &arguments.columns)?;
    relations::probe(&columns.relation, &events::expressions(&columns))?;
    let (Some(user_kind), Some(item_kind)) = (columns.user.id_kind(), columns.item.id_kind()) else {
        return Err(SegrecError::Internal("an id column has a type that is no id".to_owned()));
    };
    if [user_kind, item_kind].contains(&IdKind::Text) {
        let encoding = relations::database_encoding()?;
        if encoding != "UTF8" {
            return Err(SegrecError::TextNeedsUtf8 { encoding });
        }
    }
    check_described(arguments.users.as_ref(), "users_key", user_kind)?;
    check_described(arguments.items.as_ref(), "items_key", item_kind)?;
    let stored = models::insert(NewModel {
        name: name.clone(),
        events,
        columns: arguments.columns,
        users: arguments.users,
        items: arguments.items,
        user_kind,
        item_kind,
        options: arguments.options,
    })?;
    if !stored {
        return Err(SegrecError::ModelExists { name });
    }
    advise_index(&columns)
}

/// Options that need a column the model does not have.
pub fn check_options(options: &Options, columns: &ColumnNames) -> Result<()> {
    use segrec_engine::evaluation::SplitChoice;
    let timed = columns.time.is_some();
    let needs = [
        (options.events.duplicates == Duplicates::Last && !timed, "events.duplicates", "time_column"),
        (options.events.half_life.is_some() && !timed, "events.half_life", "time_column"),
        (options.holdout.split == SplitChoice::Time && !timed, "holdout.split", "time_column"),
        (
            !options.events.type_weights.is_empty() && columns.event_type.is_none(),
            "events.type_weights",
            "type_column",
        ),
    ];
    match needs.into_iter().find(|need| need.0) {
        Some((_, option, column)) => Err(SegrecError::NeedsColumn { option, column }),
        None => Ok(()),
    }
}

fn check_readable(relation: pg_sys::Oid) -> Result<()> {
    let Some((_, name, kind)) = relations::describe(relation)? else {
        return Err(SegrecError::Internal(format!("there is no relation with oid {}", relation.to_u32())));
    };
    let kind = match kind as u8 {
        b'r' | b'v' | b'm' | b'f' | b'p' => return Ok(()),
        b'i' | b'I' => "an index",
        b'S' => "a sequence",
        b'c' => "a composite type",
        _ => "not a relation of rows",
    };
    Err(SegrecError::NotReadable { relation: name, kind })
}

/// A relation of users or items has a key column of the same kind as the events.
fn check_described(described: Option<&Described>, argument: &'static str, kind: IdKind) -> Result<()> {
    let Some(Described { relation, key }) = described else {
        return Ok(());
    };
    check_readable(*relation)?;
    let Some((_, name, _)) = relations::describe(*relation)? else {
        return Ok(());
    };
    let columns: Vec<Column> = relations::columns(*relation)?;
    match columns.iter().find(|column| column.name == *key) {
        None => Err(SegrecError::MissingColumns {
            relation: name,
            missing: vec![(argument.to_owned(), key.clone())],
            existing: columns.into_iter().map(|column| column.name).collect(),
        }),
        Some(column) if column.id_kind() != Some(kind) => Err(SegrecError::WrongColumnTypes {
            relation: name,
            columns: vec![format!(
                "\"{key}\" is {}, the ids of events are {}",
                column.type_name,
                kind.name()
            )],
        }),
        Some(_) => Ok(()),
    }
}

/// Says what to create so that recommendations follow a user's events as they happen.
fn advise_index(columns: &EventColumns) -> Result<()> {
    if relations::has_leading_index(columns.oid, &columns.user.name)? {
        return Ok(());
    }
    let user = pgrx::spi::quote_identifier(&columns.user.name);
    let has_indexes =
        relations::describe(columns.oid)?.is_some_and(|(_, _, kind)| b"rpm".contains(&(kind as u8)));
    let hint = if has_indexes {
        format!("run CREATE INDEX ON {} ({user})", columns.relation)
    } else {
        "create the model on a table or a materialized view that has such an index".to_owned()
    };
    notice(
        format!("recommendations will use the events of \"{}\" as of the training", columns.name),
        Some(format!("no index of \"{}\" leads with the column {user}", columns.name)),
        Some(format!("for recommendations that follow every event at once, {hint}")),
    );
    Ok(())
}
