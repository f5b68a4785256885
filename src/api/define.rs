//! `segrec_create_model`, `segrec_alter_model`, `segrec_drop_model`.

use crate::catalog::models::{ColumnNames, Described};
use crate::commands::{alter_model, create_model, drop_model};
use crate::error::{Result, SegrecError, or_raise};
use pgrx::prelude::*;
use pgrx::{JsonB, PgRelation};

fn required(text: Option<&str>, argument: &'static str) -> Result<String> {
    text.map(str::to_owned).ok_or(SegrecError::NullArgument { argument })
}

fn described(
    relation: Option<PgRelation>,
    key: Option<&str>,
    argument: &'static str,
) -> Result<Option<Described>> {
    let described =
        |relation: PgRelation| Ok(Described { relation: relation.oid(), key: required(key, argument)? });
    relation.map(described).transpose()
}

#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)]
fn segrec_create_model(
    model: Option<&str>,
    events: default!(Option<PgRelation>, "NULL"),
    user_column: default!(Option<&str>, "'user_id'"),
    item_column: default!(Option<&str>, "'item_id'"),
    weight_column: default!(Option<&str>, "NULL"),
    time_column: default!(Option<&str>, "NULL"),
    type_column: default!(Option<&str>, "NULL"),
    users: default!(Option<PgRelation>, "NULL"),
    users_key: default!(Option<&str>, "'user_id'"),
    items: default!(Option<PgRelation>, "NULL"),
    items_key: default!(Option<&str>, "'item_id'"),
    options: default!(Option<JsonB>, "'{}'"),
) {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let create = || {
        create_model::create_model(create_model::Arguments {
            model: owned(model),
            events: events.map(|relation| relation.oid()),
            columns: ColumnNames {
                user: required(user_column, "user_column")?,
                item: required(item_column, "item_column")?,
                weight: owned(weight_column),
                time: owned(time_column),
                event_type: owned(type_column),
            },
            users: described(users, users_key, "users_key")?,
            items: described(items, items_key, "items_key")?,
            options: options.ok_or(SegrecError::NullArgument { argument: "options" })?.0,
        })
    };
    or_raise(create());
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_alter_model(model: Option<&str>, options: Option<JsonB>) {
    or_raise(alter_model::alter_model(model, options.map(|options| options.0)));
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_drop_model(model: Option<&str>) {
    or_raise(drop_model::drop_model(model));
}
