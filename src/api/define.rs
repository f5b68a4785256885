//! `segrec_create_model`, `segrec_alter_model`, `segrec_create_functions`, `segrec_drop_model`, `segrec_example`.

use crate::commands::example::create_example;
use crate::commands::models::create::{ColumnNames, RelationRef};
use crate::commands::models::rebind::{self, Changes};
use crate::commands::models::{alter, create, drop, functions};
use crate::error::{Result, SegrecError, or_raise};
use crate::pg::datums::json::Document;
use crate::pg::datums::regclass::Regclass;
use crate::pg::datums::text::Text;
use pgrx::prelude::*;
use segrec_engine::options::RowFilter;

fn required(text: Option<&str>, argument: &'static str) -> Result<String> {
    text.map(str::to_owned).ok_or(SegrecError::NullArgument { argument })
}

fn described(
    relation: Option<Regclass>,
    key: Option<&str>,
    argument: &'static str,
) -> Result<Option<RelationRef>> {
    let described = |Regclass(relation): Regclass| {
        Ok(RelationRef { relation, key: required(key, argument)?, filter: RowFilter::default() })
    };
    relation.map(described).transpose()
}

#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)]
fn segrec_create_model(
    model: Option<Text>,
    events: Option<Regclass>,
    user_column: Option<Text>,
    item_column: Option<Text>,
    weight_column: Option<Text>,
    time_column: Option<Text>,
    type_column: Option<Text>,
    users: Option<Regclass>,
    users_key: Option<Text>,
    items: Option<Regclass>,
    items_key: Option<Text>,
    options: Option<Document>,
    if_exists: Option<Text>,
) {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let create = || {
        let arguments = create::ModelArguments {
            model: owned(model.as_deref()),
            events: events.map(|Regclass(events)| events),
            columns: ColumnNames {
                user: required(user_column.as_deref(), "user_column")?,
                item: required(item_column.as_deref(), "item_column")?,
                weight: owned(weight_column.as_deref()),
                time: owned(time_column.as_deref()),
                event_type: owned(type_column.as_deref()),
            },
            users: described(users, users_key.as_deref(), "users_key")?,
            items: described(items, items_key.as_deref(), "items_key")?,
            options: options.ok_or(SegrecError::NullArgument { argument: "options" })?.0,
        };
        create::create_model(arguments, if_exists.as_deref())
    };
    or_raise(create());
}

#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)]
fn segrec_rebind(
    model: Option<Text>,
    events: Option<Regclass>,
    user_column: Option<Text>,
    item_column: Option<Text>,
    weight_column: Option<Text>,
    time_column: Option<Text>,
    type_column: Option<Text>,
    users: Option<Regclass>,
    users_key: Option<Text>,
    items: Option<Regclass>,
    items_key: Option<Text>,
) {
    let owned = |text: Option<Text>| text.map(|Text(text)| text);
    let oid = |relation: Option<Regclass>| relation.map(|Regclass(relation)| relation);
    let changes = Changes {
        events: oid(events),
        user: owned(user_column),
        item: owned(item_column),
        weight: owned(weight_column),
        time: owned(time_column),
        event_type: owned(type_column),
        users: oid(users),
        users_key: owned(users_key),
        items: oid(items),
        items_key: owned(items_key),
    };
    or_raise(rebind::rebind(model.as_deref(), &changes));
}

#[pg_extern(sql = false)]
fn segrec_alter_model(model: Option<Text>, options: Option<Document>) {
    or_raise(alter::alter_model(model.as_deref(), options.map(|options| options.0)));
}

#[pg_extern(sql = false)]
fn segrec_create_functions(
    model: Option<Text>,
    schema: Option<pg_sys::Oid>,
) -> TableIterator<'static, (name!(function, Text),)> {
    let made = or_raise(functions::create_functions(model.as_deref(), schema));
    TableIterator::new(made.into_iter().map(|signature| (signature.into(),)))
}

#[pg_extern(sql = false)]
fn segrec_drop_model(model: Option<Text>) {
    or_raise(drop::drop_model(model.as_deref()));
}

#[pg_extern(sql = false)]
fn segrec_example(schema: Option<Text>) -> TableIterator<'static, (name!(relation, Text), name!(rows, i64))> {
    let created = or_raise(create_example(schema.as_deref()));
    TableIterator::new(created.into_iter().map(|(relation, rows)| (relation.into(), rows)))
}
