//! The rows of the relation of items that were added last, read with the caller's rights.

use super::access::Access;
use super::events::with_id;
use super::growing_column::GrowingColumn;
use super::live_rows::{Live, LiveRows};
use super::relations::{self, ColumnRole, SourceColumn};
use crate::catalog::models::RelationRef;
use crate::error::{Result, SegrecError};
use pgrx::pg_sys;
use segrec_engine::interactions::{IdKind, Ids};
use std::collections::HashSet;

/// Items in the order in which they were added, the newest first.
pub struct NewestRows {
    /// The keys.
    pub ids: Ids,
    /// The moment at which each was added, microseconds since 2000; `None` if the column is a number.
    pub added: Vec<Option<i64>>,
    /// Whether there are no older ones.
    pub is_complete: bool,
}

/// Reads `most` rows by the column of moments or numbers `added`, but none of a moment after `now`. Raises PostgreSQL's own
/// error if the caller may not read them.
pub fn newest_rows(
    model: &str,
    (items, kind): (&RelationRef, IdKind),
    added: &str,
    (most, now): (usize, i64),
) -> Result<NewestRows> {
    let relation = relations::hold(model, "items", items.relation, &items.filter)?;
    let grows = GrowingColumn::named(&relation, added)?;
    let Some(key) = relation.column(&items.key).map(SourceColumn::from) else {
        return Err(SegrecError::MissingColumns {
            relation: relation.name.clone(),
            missing: vec![("items_key".to_owned(), items.key.clone())],
            existing: relation.columns.iter().map(|column| column.name.clone()).collect(),
        });
    };
    relations::check_kind(model, &relation.name, "item", &key, kind)?;
    let live = Live {
        relation: &relation,
        key: &key,
        kind,
        columns: vec![key.name.as_str(), grows.name()],
        expressions: vec![key.expression(ColumnRole::Id), grows.expression()],
    };
    // One call reads them, whatever that costs.
    let rows = LiveRows::latest(&live, Access::Index, &grows, u32::try_from(most).unwrap_or(u32::MAX))?;
    let is_moment = grows.parameter() != pg_sys::INT8OID;
    let mut found: Vec<(u32, i64)> = Vec::new();
    let mut ids = Ids::new(kind);
    let read = rows.required_rows(&[], &mut |row| {
        let value = row.integer(1).filter(|value| !is_moment || *value <= now);
        if let Some(value) = value
            && with_id(row, 0, kind, |id| ids.push(id)).is_some()
        {
            found.push((found.len() as u32, value));
        }
        Ok(true)
    })?;
    // Of items that were added at the same moment the first by their ids comes first.
    let mut places = vec![0; ids.len()];
    (0..).zip(ids.order()).for_each(|(place, id): (u32, u32)| places[id as usize] = place);
    found.sort_by(|a, b| b.1.cmp(&a.1).then(places[a.0 as usize].cmp(&places[b.0 as usize])));
    // A view may have several rows of an item.
    let mut seen = HashSet::with_capacity(found.len());
    found.retain(|(place, _)| seen.insert(ids.get(*place as usize)));
    let order: Vec<u32> = found.iter().map(|(place, _)| *place).collect();
    let added = found.iter().map(|(_, value)| is_moment.then_some(*value)).collect();
    Ok(NewestRows { ids: ids.select(&order), added, is_complete: read < most })
}
