//! Ids as a call gives them, and the numbers of items that a version knows.

use super::version::ServedVersion;
use crate::catalog::models::Model;
use crate::catalog::sources::relations::unpadded;
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::parse_id;
use segrec_engine::interactions::{Id, IdKind};

/// The id of a user in the form the model takes, `None` for a text that is no such id.
pub fn user_id<'a>(id: Id<'a>, model: &Model) -> Result<Option<Id<'a>>> {
    match (id, model.user_kind) {
        (Id::Text(text), kind) => Ok(parse_id(user_text(text, model), kind)),
        (Id::Bigint(_), IdKind::Bigint) | (Id::Uuid(_), IdKind::Uuid) => Ok(Some(id)),
        (id, kind) => Err(SegrecError::WrongIdType {
            model: model.name.clone(),
            what: "user",
            kind: kind.name(),
            asked: kind_of(id).name(),
        }),
    }
}

/// The id of a user as the model's relation keeps it.
pub fn user_text<'a>(id: &'a str, model: &Model) -> &'a str {
    let of_events = model.events.as_ref().map(|source| (source.relation, &source.columns.user));
    let of_users = || model.users.as_ref().map(|users| (users.relation, &users.key));
    of_events.or_else(of_users).map_or(id, |(relation, column)| unpadded(id, relation, column))
}

/// The id of an item as the model's events keep it.
fn item_text<'a>(id: &'a str, model: &Model) -> &'a str {
    let source = model.events.as_ref();
    source.map_or(id, |source| unpadded(id, source.relation, &source.columns.item))
}

fn kind_of(id: Id<'_>) -> IdKind {
    match id {
        Id::Bigint(_) => IdKind::Bigint,
        Id::Uuid(_) => IdKind::Uuid,
        Id::Text(_) => IdKind::Text,
    }
}

/// An error where the model's items have ids of another kind.
pub fn check_item_kind(asked: IdKind, model: &Model) -> Result<()> {
    match &model.events {
        Some(source) if asked != IdKind::Text && asked != source.item_kind => Err(SegrecError::WrongIdType {
            model: model.name.clone(),
            what: "item",
            kind: source.item_kind.name(),
            asked: asked.name(),
        }),
        _ => Ok(()),
    }
}

/// The numbers of those ids that the version knows.
pub fn item_numbers(version: &ServedVersion, ids: &[Id<'_>]) -> Vec<u32> {
    let kind = version.item_ids().kind();
    ids.iter()
        .filter_map(|&id| match id {
            Id::Text(text) => {
                parse_id(item_text(text, version.model()), kind).and_then(|id| version.item_ids().find(id))
            }
            id => version.item_ids().find(id),
        })
        .collect()
}

/// The same, ascending and each once.
pub fn candidate_numbers(version: &ServedVersion, ids: &[Id<'_>]) -> Vec<u32> {
    let mut numbers = item_numbers(version, ids);
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
