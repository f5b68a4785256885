//! Resolves the ids in a call to those of the model and to item numbers.

use super::version::ServedVersion;
use crate::catalog::models::Model;
use crate::catalog::sources::relations::is_blank_padded;
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::parse_id;
use pgrx::pg_sys;
use segrec_engine::interactions::{Id, IdKind};
use std::cell::OnceCell;

/// Converts a user id to the model's type; `None` if a text is not a valid id.
pub fn user_id<'a>(id: Id<'a>, model: &Model) -> Result<Option<Id<'a>>> {
    match (id, model.user_kind) {
        (Id::Text(text), kind) => Ok(parse_id(Unpadded::users(model).id(text), kind)),
        (Id::Bigint(_), IdKind::Bigint) | (Id::Uuid(_), IdKind::Uuid) => Ok(Some(id)),
        (id, kind) => Err(SegrecError::WrongIdType {
            model: model.name.clone(),
            what: "user",
            kind: kind.name(),
            asked: kind_of(id).name(),
        }),
    }
}

/// Normalizes ids as their column stores them: trailing blanks are stripped if it is `char(n)`. The column's type is
/// looked up at most once, and only if an id has trailing blanks.
struct Unpadded<'a> {
    column: Option<(pg_sys::Oid, &'a str)>,
    is_padded: OnceCell<bool>,
}

impl<'a> Unpadded<'a> {
    fn of(column: Option<(pg_sys::Oid, &'a str)>) -> Self {
        Self { column, is_padded: OnceCell::new() }
    }

    /// For user ids, as in the events or else in the relation of users.
    fn users(model: &'a Model) -> Self {
        let of_events = model.events.as_ref().map(|source| (source.relation, source.columns.user.as_str()));
        let of_users = || model.users.as_ref().map(|users| (users.relation, users.key.as_str()));
        Self::of(of_events.or_else(of_users))
    }

    /// For item ids, as in the events.
    fn items(model: &'a Model) -> Self {
        Self::of(model.events.as_ref().map(|source| (source.relation, source.columns.item.as_str())))
    }

    fn id<'b>(&self, id: &'b str) -> &'b str {
        let is_padded = || self.column.is_some_and(|(relation, column)| is_blank_padded(relation, column));
        match id.ends_with(' ') && *self.is_padded.get_or_init(is_padded) {
            true => id.trim_end_matches(' '),
            false => id,
        }
    }
}

fn kind_of(id: Id<'_>) -> IdKind {
    match id {
        Id::Bigint(_) => IdKind::Bigint,
        Id::Uuid(_) => IdKind::Uuid,
        Id::Text(_) => IdKind::Text,
    }
}

/// Returns an error if the model's item ids are of another type.
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

/// The numbers of the ids that the version knows.
pub fn item_numbers(version: &ServedVersion, ids: &[Id<'_>]) -> Vec<u32> {
    let (kind, unpadded) = (version.item_ids().kind(), Unpadded::items(version.model()));
    ids.iter()
        .filter_map(|&id| match id {
            Id::Text(text) => parse_id(unpadded.id(text), kind).and_then(|id| version.item_ids().find(id)),
            id => version.item_ids().find(id),
        })
        .collect()
}

/// The distinct numbers of the ids that the version lists, apart from those left out, ascending.
pub fn listed_numbers(version: &ServedVersion, ids: &[Id<'_>], left_out: &[u32]) -> Vec<u32> {
    let mut numbers = item_numbers(version, ids);
    numbers.sort_unstable();
    numbers.dedup();
    let is_out =
        |item: &u32| [left_out, version.withdrawn()].iter().any(|out| out.binary_search(item).is_ok());
    numbers.retain(|item| !is_out(item));
    numbers
}
