//! Ids as the tables keep them, as text, and the ids that a text stands for.

use segrec_engine::interactions::{Id, IdKind, Ids};

/// An id as text.
pub fn id_text(id: Id<'_>) -> String {
    match id {
        Id::Bigint(id) => id.to_string(),
        Id::Uuid(id) => pgrx::Uuid::from_bytes(id).to_string(),
        Id::Text(id) => id.to_owned(),
    }
}

/// About how many bytes an id has as text.
pub fn id_bytes(id: Id<'_>) -> usize {
    match id {
        Id::Bigint(_) => 20,
        Id::Uuid(_) => 36,
        Id::Text(id) => id.len(),
    }
}

/// The id that a text stands for, of that kind; none where it cannot be one.
pub fn parse_id(text: &str, kind: IdKind) -> Option<Id<'_>> {
    match kind {
        IdKind::Bigint => text.parse().ok().map(Id::Bigint),
        IdKind::Uuid => parse_uuid(text).map(Id::Uuid),
        IdKind::Text => Some(Id::Text(text)),
    }
}

/// Appends the id that a text stands for; false where it stands for none of that kind.
pub fn push_id(ids: &mut Ids, text: &str) -> bool {
    parse_id(text, ids.kind()).is_some_and(|id| ids.push(id))
}

/// Bytes of a uuid with a hyphen after every group of four digits, in braces.
const LONGEST_UUID: usize = 41;

/// The bytes of a uuid written in any of the forms that PostgreSQL reads: hexadecimal digits, hyphens after groups of four,
/// braces around.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    // Whoever calls may pass megabytes.
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
