//! Converts ids to and from the text form that tables store.

use segrec_engine::interactions::{Id, IdKind, Ids};

/// The id as text.
pub fn id_text(id: Id<'_>) -> String {
    match id {
        Id::Bigint(id) => id.to_string(),
        Id::Uuid(id) => pgrx::Uuid::from_bytes(id).to_string(),
        Id::Text(id) => id.to_owned(),
    }
}

/// The approximate length of the id as text.
pub fn id_bytes(id: Id<'_>) -> usize {
    match id {
        Id::Bigint(_) => 20,
        Id::Uuid(_) => 36,
        Id::Text(id) => id.len(),
    }
}

/// Parses an id of the given type; `None` if the text is not valid.
pub fn parse_id(text: &str, kind: IdKind) -> Option<Id<'_>> {
    match kind {
        IdKind::Bigint => text.parse().ok().map(Id::Bigint),
        IdKind::Uuid => parse_uuid(text).map(Id::Uuid),
        IdKind::Text => Some(Id::Text(text)),
    }
}

/// Parses an id and appends it; false if the text is not valid.
pub fn push_id(ids: &mut Ids, text: &str) -> bool {
    parse_id(text, ids.kind()).is_some_and(|id| ids.push(id))
}

/// The maximum length of a uuid: braces, and a hyphen after every group of four digits.
const LONGEST_UUID: usize = 41;

/// Parses a uuid in any form that PostgreSQL accepts: hexadecimal digits, optional hyphens after groups of four, and
/// optional braces.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    // The text may be megabytes long; reject it early.
    if text.len() > LONGEST_UUID {
        return None;
    }
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let groups: Vec<&str> = inner.split('-').collect();
    let mut bytes = [0; 16];
    let fours = groups.iter().all(|group| !group.is_empty() && group.len() % 4 == 0);
    hex::decode_to_slice(groups.concat(), &mut bytes).ok().filter(|()| fours).map(|()| bytes)
}
