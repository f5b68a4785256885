//! `segrec_create_model`: checks a model completely before it is stored, as a new one or in the place of the definition of
//! an existing one.

use super::options::{ModelSources, check_options};
use crate::catalog::models::owners;
use crate::catalog::models::{self, EventsSource, Model, NewModel};
pub use crate::catalog::models::{ColumnNames, RelationRef};
use crate::catalog::sources::access::Verdict;
use crate::catalog::sources::filtered::Filtered;
use crate::catalog::sources::queries::probe;
use crate::catalog::sources::relations::{self, EventColumns, SourceColumn, check_kind};
use crate::catalog::sources::shown_rows::{ShownColumns, ShownRows};
use crate::catalog::sources::{events, live_events};
use crate::commands::access::privileges::{owned_and_locked, refuse_here};
use crate::commands::training::read::{category_columns, found, item_columns, user_columns};
use crate::error::{Result, SegrecError, notice};
use crate::pg::executor::generic_plan::PlanObstacle;
use crate::pg::executor::relation::Relation;
use crate::pg::executor::snapshot::NewSnapshot;
use crate::pg::security::rights::current_role;
use pgrx::pg_sys;
use segrec_engine::interactions::IdKind;
use segrec_engine::options::checked::ItemOptions;
use segrec_engine::options::{Options, RowFilter, parse_options};
use serde_json::Value;
use strum::EnumString;

/// The arguments of the call that define the model.
#[derive(Clone, Debug)]
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

/// What happens if a model of the name exists: the argument `if_exists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum IfExists {
    /// An error.
    Error,
    /// The model stays as it is.
    Keep,
    /// The model gets the new definition, and keeps its versions and everything else.
    Replace,
}

impl IfExists {
    /// Parses the argument `if_exists`.
    ///
    /// # Errors
    /// [`SegrecError::NullArgument`], [`SegrecError::InvalidIfExists`].
    pub fn parse(value: Option<&str>) -> Result<Self> {
        let value = value.ok_or(SegrecError::NullArgument { argument: "if_exists" })?;
        value.parse().map_err(|_| SegrecError::InvalidIfExists { value: value.to_owned() })
    }
}

/// PostgreSQL's limit on names.
const LONGEST_NAME: usize = 63;

/// Creates a model. One of the name that the caller may see is kept or replaced, if that is asked for.
pub fn create_model(arguments: ModelArguments, if_exists: Option<&str>) -> Result<()> {
    refuse_here()?;
    let if_exists = IfExists::parse(if_exists)?;
    let name = arguments.model.clone().ok_or(SegrecError::NullArgument { argument: "model" })?;
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(SegrecError::InvalidName { name });
    }
    if if_exists != IfExists::Error && models::find(&name)?.is_some() {
        return keep_or_replace(&name, arguments, if_exists);
    }
    let (model, columns) = checked(name.clone(), arguments.clone())?;
    let Some(model_id) = models::insert(model)? else {
        // Another transaction may have created it since the statement began.
        let _snapshot = NewSnapshot::new();
        return match if_exists != IfExists::Error && models::find(&name)?.is_some() {
            true => keep_or_replace(&name, arguments, if_exists),
            false => Err(SegrecError::ModelExists { name }),
        };
    };
    owners::set(model_id, current_role())?;
    record_found(&name)?;
    columns.map_or(Ok(()), |columns| tell_of_events(&columns))
}

/// Keeps an existing model, with a notice, or replaces its definition.
fn keep_or_replace(name: &str, arguments: ModelArguments, if_exists: IfExists) -> Result<()> {
    if if_exists != IfExists::Replace {
        notice(format!("model \"{name}\" already exists, skipping"), None, None);
        return Ok(());
    }
    owned_and_locked(Some(name), |model| replace(&model, arguments))
}

/// Replaces the definition of a model by one for ids of the same types.
fn replace(model: &Model, arguments: ModelArguments) -> Result<()> {
    let (new, columns) = checked(model.name.clone(), arguments)?;
    match (&model.events, &columns, &new.users) {
        (Some(source), Some(columns), _) => {
            check_kind(&model.name, &columns.name, "user", &columns.user, model.user_kind)?;
            check_kind(&model.name, &columns.name, "item", &columns.item, source.item_kind)?;
        }
        (None, None, Some(users)) => {
            let relation = readable(users.relation)?;
            if let Some(key) = relation.column(&users.key).map(SourceColumn::from) {
                check_kind(&model.name, &relation.name, "user", &key, model.user_kind)?;
            }
        }
        (events, ..) => {
            let (model, has_events) = (model.name.clone(), events.is_some());
            return Err(SegrecError::OtherKindOfModel { model, has_events });
        }
    }
    models::bind(model.id, new.events.as_ref(), new.users.as_ref(), new.items.as_ref())?;
    models::set_options(model.id, new.options)?;
    record_found(&model.name)?;
    columns.map_or(Ok(()), |columns| tell_of_events(&columns))
}

/// Checks the definition of a model; the columns of its events come with it, if it has events.
fn checked(name: String, arguments: ModelArguments) -> Result<(NewModel, Option<EventColumns>)> {
    let options = parse_options(&arguments.options).map_err(SegrecError::InvalidOptions)?;
    let filter = &options.events.filter;
    let source = |relation| events_source(&name, relation, &arguments.columns, filter);
    let events = arguments.events.map(source).transpose()?;
    let filtered = |described: &Option<RelationRef>, filter: &RowFilter| {
        let filter = filter.clone();
        described.clone().map(|described| RelationRef { filter, ..described })
    };
    let users = filtered(&arguments.users, &options.users.filter);
    let items = filtered(&arguments.items, &options.items.filter);
    let user_kind = match (&events, &users) {
        (Some((_, columns)), _) => columns.kinds[0],
        (None, Some(users)) => key_kind(users, "users_key", None)?,
        (None, None) => return Err(SegrecError::NothingToRead),
    };
    let source = events.as_ref().map(|(source, _)| source);
    check_options(
        &options,
        ModelSources {
            events: source.map(|source| &source.columns),
            users: users.as_ref(),
            items: items.as_ref(),
        },
    )?;
    let item_kind = source.map(|source| source.item_kind);
    if [Some(user_kind), item_kind].contains(&Some(IdKind::Text)) {
        let encoding = relations::database_encoding()?;
        if encoding != "UTF8" {
            return Err(SegrecError::TextNeedsUtf8 { encoding });
        }
    }
    for (argument, described) in [("users", &users), ("items", &items)] {
        check_filter(&name, argument, described.as_ref())?;
    }
    check_attributes(&name, [users.as_ref(), items.as_ref()], user_kind, item_kind, &options)?;
    let ModelArguments { options, .. } = arguments;
    let (events, columns) = events.unzip();
    Ok((NewModel { name, events, users, items, user_kind, options }, columns))
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
    filter: &RowFilter,
) -> Result<(EventsSource, EventColumns)> {
    readable(relation)?;
    let columns = relations::event_columns(model, relation, names, filter)?;
    if names.user == names.item {
        return Err(SegrecError::SameColumn { relation: columns.name, column: names.user.clone() });
    }
    probe(&columns.relation, &events::expressions(&columns))?;
    let (item_kind, filter) = (columns.kinds[1], filter.clone());
    Ok((EventsSource { relation, columns: names.clone(), item_kind, filter }, columns))
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

/// Returns an error if a relation of users or items does not have what its filter compares, or it may not be read.
fn check_filter(model: &str, argument: &'static str, described: Option<&RelationRef>) -> Result<()> {
    let Some(RelationRef { relation, filter, .. }) = described.filter(|own| !own.filter.is_empty()) else {
        return Ok(());
    };
    probe(&relations::hold(model, argument, *relation, filter)?, &["1".to_owned()])
}

/// Returns an error if the relations of a model do not have what their filters compare, or may not be read.
pub fn check_filters(model: &Model) -> Result<()> {
    if let Some(source) = model.events.as_ref().filter(|source| !source.filter.is_empty()) {
        events_source(&model.name, source.relation, &source.columns, &source.filter)?;
    }
    check_filter(&model.name, "users", model.users.as_ref())?;
    check_filter(&model.name, "items", model.items.as_ref())
}

/// Returns an error if the columns of items that decide what lists show do not exist, or may not be read.
pub fn check_shown(model: &str, items: &RelationRef, kind: IdKind, options: &Options) -> Result<()> {
    let ItemOptions { available, group_column: group, .. } = options.items.clone();
    let columns = ShownColumns { available, group, conditions: Vec::new() };
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

/// Suggests how recommendations would follow a user's current events, if they do not.
fn advise_index(columns: &EventColumns) -> Result<()> {
    let relation = &columns.relation;
    let user = pgrx::spi::quote_identifier(&columns.user.name);
    let (fact, hint) = match live_events::verdict(columns)? {
        Some(Verdict::Cheap { .. }) => return Ok(()),
        Some(verdict @ Verdict::Costly { .. }) => (
            verdict.sentence("one user's rows"),
            format!("create indexes on the tables of the view that lead with what becomes {user}."),
        ),
        Some(verdict @ Verdict::Obstructed(PlanObstacle::VolatileFunction)) => (
            verdict.sentence("one user's rows"),
            "declare the function as STABLE, if it is, or leave it out of the view.".to_owned(),
        ),
        None if relation.can_have_indexes()
            && relations::has_leading_index(relation, &columns.user.name)? =>
        {
            return Ok(());
        }
        None if relation.can_have_indexes() => (
            format!("No index of \"{}\" has the leading column {user}.", columns.name),
            format!(
                "run CREATE INDEX ON {} ({}).",
                relation.quoted,
                index_columns(relation, &columns.user.name)
            ),
        ),
        obstructed => (
            match obstructed {
                Some(verdict) => verdict.sentence("one user's rows"),
                None => format!("No index of \"{}\" has the leading column {user}.", columns.name),
            },
            "create the model on a table or a materialized view with such an index.".to_owned(),
        ),
    };
    notice(
        format!("recommendations will use the events of \"{}\" as of the training", columns.name),
        Some(fact),
        Some(format!("For recommendations that follow every event immediately, {hint}")),
    );
    Ok(())
}

/// The columns of an index that leads to the rows of a user that pass a filter.
fn index_columns(rows: &Filtered, user: &str) -> String {
    let columns = rows.filter_columns().chain([user]).map(pgrx::spi::quote_identifier);
    columns.collect::<Vec<_>>().join(", ")
}

/// Records whether the rows of one user are read at calls, if a model reads them from a view.
pub fn record_found(name: &str) -> Result<()> {
    let Some(model) = models::find(name)? else { return Ok(()) };
    let verdict = match (&model.events, &model.users) {
        (Some(source), _) => live_events::verdict(&relations::model_events(&model, source)?)?,
        (None, Some(users)) => {
            let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
            user_columns(&model.name, users, model.user_kind, &[&options])?.verdict()?
        }
        (None, None) => None,
    };
    models::set_found(model.id, found(verdict.as_ref()))
}
