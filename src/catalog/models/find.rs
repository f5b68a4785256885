//! Looks up models that the caller may see.

use super::model::{Model, columns, model};
use crate::catalog::statement::{CatalogRow, PreparedQuery, as_owner, query};
use crate::error::Result;
use crate::pg::security::rights::acts_for;
use pgrx::pg_sys;
use std::cell::RefCell;

/// The model that a call refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The model with this name.
    Named(&'a str),
    /// The only model that can answer.
    Only(Answers),
}

/// What a model needs to answer a call that does not name one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// A deployed version, for calls about segments.
    Segments,
    /// A deployed version and events, for calls for lists.
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
    /// The variant's index, and the name.
    pub fn key(&self) -> (usize, &str) {
        match self {
            Self::Named(name) => (0, name),
            Self::Only(Answers::Segments) => (1, ""),
            Self::Only(Answers::Lists) => (2, ""),
        }
    }
}

/// One prepared lookup per variant of [`Wanted`], so that each keeps its plan.
type LookUps = [RefCell<Option<PreparedQuery>>; 3];

thread_local! {
    /// Lookups among all models, and among those that the caller may use.
    static FIND: [LookUps; 2] = const { [const { [const { RefCell::new(None) }; 3] }; 2] };
}

/// At most two models of the given relation.
fn look_up<T>(
    [by_name, segments, lists]: &LookUps,
    wanted: Wanted<'_>,
    what: impl FnOnce() -> String,
    each: impl FnMut(CatalogRow<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let (slot, condition, types, arguments): (_, _, &[_], &[_]) = match wanted {
        Wanted::Named(name) => (by_name, "name = $1", &[pg_sys::TEXTOID], &[name.into()]),
        Wanted::Only(answers @ Answers::Segments) => (segments, answers.condition(), &[], &[]),
        Wanted::Only(answers @ Answers::Lists) => (lists, answers.condition(), &[], &[]),
    };
    if slot.borrow().is_none() {
        slot.replace(Some(PreparedQuery::new(
            &format!("SELECT {} WHERE {condition} LIMIT 2", what()),
            types,
        )?));
    }
    match &*slot.borrow() {
        Some(statement) => statement.query(arguments, each),
        None => Ok(Vec::new()),
    }
}

/// The usable model with this name.
pub fn find(name: &str) -> Result<Option<Model>> {
    Ok(find_wanted(Wanted::Named(name))?.0.pop())
}

/// Up to two usable models, and whether no other models exist for anyone.
pub fn find_wanted(wanted: Wanted<'_>) -> Result<(Vec<Model>, bool)> {
    FIND.with(|[all, usable]| {
        // The owner of the catalog may use every model; avoid planning the view for it, which costs more than the rest
        // of a lookup.
        let found = as_owner(|| {
            let what = || {
                format!("{}, owner::oid FROM segrec_catalog.owned_models", columns("true", "true", "true"))
            };
            look_up(all, wanted, what, |row| Ok((row.value::<pg_sys::Oid>(22)?, model(row)?)))
        })?;
        let only = found.len() == 1;
        match <[_; 1]>::try_from(found) {
            Ok([(owner, model)]) if acts_for(owner) => Ok((vec![model], only)),
            _ => {
                let rights = columns("is_owner", "may_train", "may_label");
                let what = || format!("{rights} FROM segrec_catalog.usable_models");
                Ok((look_up(usable, wanted, what, model)?, only))
            }
        }
    })
}

/// The names of all usable models.
pub fn names() -> Result<Vec<String>> {
    query("SELECT name FROM segrec_catalog.usable_models ORDER BY name", &[], |row| row.value(1))
}

/// The names of all usable models: those that can answer, and the others.
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

/// Whether this transaction created the model, so that other processes cannot see it yet.
pub fn is_uncommitted(model_id: i64) -> Result<bool> {
    let sql = "SELECT xmin::text::bigint = pg_catalog.pg_current_xact_id_if_assigned()::text::bigint % 4294967296 IS TRUE \
               FROM segrec_catalog.models WHERE model_id = $1";
    let found = as_owner(|| query(sql, &[model_id.into()], |row| row.value(1)))?;
    Ok(found.into_iter().next().unwrap_or(false))
}

/// The names of the models that the caller may train and that are LIKE a pattern.
pub fn trainable_like(pattern: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM segrec_catalog.usable_models WHERE may_train AND name LIKE $1 ORDER BY name";
    query(sql, &[pattern.into()], |row| row.value(1))
}

/// The keys of the models that the caller may train.
pub fn trainable() -> Result<Vec<i64>> {
    query("SELECT model_id FROM segrec_catalog.usable_models WHERE may_train", &[], |row| row.value(1))
}
