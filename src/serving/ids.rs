//! Ids as a call gives them, and the numbers of items that a version knows.

use super::version::ServedVersion;
use crate::catalog::models::Model;
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::parse_id;
use segrec_engine::interactions::{Id, IdKind};

/// The id in the form the model takes, `None` for a text that is no such id.
pub fn user_id<'a>(id: Id<'a>, kind: IdKind, model: &str) -> Result<Option<Id<'a>>> {
    match (id, kind) {
        (Id::Text(text), kind) => Ok(parse_id(text, kind)),
        (Id::Bigint(_), IdKind::Bigint) | (Id::Uuid(_), IdKind::Uuid) => Ok(Some(id)),
        (id, kind) => Err(SegrecError::WrongIdType {
            model: model.to_owned(),
            what: "user",
            kind: kind.name(),
            asked: kind_of(id).name(),
        }),
    }
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
            Id::Text(text) => parse_id(text, kind).and_then(|id| version.item_ids().find(id)),
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
