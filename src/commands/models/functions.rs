//! `segrec_create_functions`: creates functions for one model in a schema of its users.

use crate::catalog::models::functions::{self, Made, made_for};
use crate::catalog::models::{self, Model};
use crate::commands::access::privileges::{refuse_here, usable};
use crate::error::{Result, SegrecError, notice};
use crate::pg::security::search_path::search_path;
use pgrx::pg_sys;

/// Creates or replaces the functions of a model in a schema, and returns their signatures.
pub fn create_functions(model: Option<&str>, schema: Option<pg_sys::Oid>) -> Result<Vec<String>> {
    refuse_here()?;
    let model = usable(model)?;
    let schema = schema.ok_or(SegrecError::NullArgument { argument: "schema" })?;
    let place = functions::place(schema)?.ok_or_else(|| functions::no_such(schema))?;
    models::keep(&model)?;
    let before = made_for(model.id, &model.name)?;
    let path = search_path();
    let item_kind = model.events.as_ref().map(|events| events.item_kind);
    let mut signatures = Vec::new();
    for function in functions::of_model(&model.name, model.user_kind, item_kind, &place) {
        let is_same = |made: &&Made| {
            made.schema == place.schema && made.name == function.name() && made.arguments == function.types
        };
        functions::create(&function, &place, before.iter().any(|made| is_same(&made)), &path)?;
        functions::record(model.id, &place, &function)?;
        signatures.push(format!("{}.{}({})", place.quoted, function.name(), function.types));
    }
    Ok(signatures)
}

/// Drops the functions of a model that is being dropped, as far as the current role may.
pub fn drop_functions(model: &Model) -> Result<()> {
    let (own, others): (Vec<_>, Vec<_>) =
        made_for(model.id, &model.name)?.into_iter().partition(|made| made.is_own);
    for made in &own {
        functions::drop(made)?;
    }
    if let Some(other) = others.first() {
        let names: Vec<&str> = others.iter().map(|made| made.signature.as_str()).collect();
        notice(
            format!("{} functions of model \"{}\" were not dropped", others.len(), model.name),
            Some(format!("They belong to other roles, such as {}: {}.", other.owner, names.join(", "))),
            Some("Drop them with DROP FUNCTION as their owner.".to_owned()),
        );
    }
    functions::forget(model.id)
}
