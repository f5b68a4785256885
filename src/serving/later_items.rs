//! Items that were inserted after a version was trained or refreshed, as this session has met and described them. They
//! are in the lists of its calls at once; `segrec_refresh_items` gives them rows of their own, which all functions and
//! sessions share.
//!
//! They are found by their keys or another column, whose values must grow and have an index: a call asks for rows beyond
//! the largest value it knows, which takes some 20 µs if there are none. A row that is not committed yet when a later one
//! is read is not met before a refresh.

use crate::catalog::models::RelationRef;
use crate::catalog::sources::attributes::described_columns;
use crate::catalog::sources::growing_column::GrowingColumn;
use crate::catalog::sources::later_rows::{Later, LaterRows};
use crate::catalog::sources::relations;
use crate::error::Result;
use crate::pg::datums::id_text::parse_id;
use crate::pg::process::workers::run_alone;
use crate::pg::security::rights::current_role;
use pgrx::pg_sys;
use segrec_engine::features::ItemEncoder;
use segrec_engine::interactions::{Id, IdKind, IdMap, NumberedIds};
use segrec_engine::options::checked::ItemOptions;
use segrec_engine::scorers::content::ItemDescriber;
use segrec_engine::scorers::new_items::DescribedItems;
use segrec_engine::{EngineError, Observer, Rows};

/// The most items that a session describes by itself: a third of a second in all, and some 400 bytes each with 64 factors.
/// Further ones wait for a refresh.
const MOST: u32 = 1_000;

/// Items that a session has met.
#[derive(Clone)]
pub struct LaterItems {
    /// The role that read them, whose rights and policies decide which rows there are.
    role: pg_sys::Oid,
    /// The largest value of the growing column that was read; `None` if none was.
    newest: Option<i64>,
    /// The keys of those of which anything is known.
    ids: IdMap,
    /// These items, as scorers see them.
    items: DescribedItems,
}

impl LaterItems {
    /// No items yet; the version has `items` items, with ids of this kind and with k factors. Items that it has have no
    /// larger value of the growing column than `newest`, if that is known.
    pub fn none(
        newest: Option<i64>,
        kind: IdKind,
        items: usize,
        k: usize,
        describer: &ItemDescriber,
    ) -> Result<Self> {
        let (role, ids) = (current_role(), IdMap::new(kind));
        Ok(Self { role, newest, ids, items: describer.nothing(items, k)? })
    }

    /// Whether the current role has read them.
    pub fn are_own(&self) -> bool {
        self.role == current_role()
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.ids.ids().len()
    }

    /// The items, as scorers see them.
    pub fn items(&self) -> &DescribedItems {
        &self.items
    }

    /// The key of an item, by place.
    pub fn id(&self, place: usize) -> Id<'_> {
        self.ids.ids().get(place)
    }

    /// The place of an item, by key.
    pub fn find(&self, id: Id<'_>) -> Option<u32> {
        match id {
            Id::Text(text) => self.ids.find(parse_id(text, self.ids.ids().kind())?),
            id => self.ids.find(id),
        }
    }

    /// The same items and those that were inserted since; `None` if there are none, or the caller may not read them.
    /// `known` and `factors` are those of the items of the version.
    pub fn with_newer(
        &self,
        reader: &LaterRows,
        (encoder, describer): (&ItemEncoder, &ItemDescriber),
        (known, factors): (NumberedIds<'_>, Rows<'_>),
    ) -> Result<Option<Self>> {
        if self.len() >= MOST as usize {
            return Ok(None);
        }
        let is_known = |id: Id<'_>| known.find(id).is_some() || self.ids.find(id).is_some();
        let newest = match self.newest {
            Some(newest) => Some(newest),
            None => reader.known_until(&is_known)?,
        };
        let Some(newest) = newest else { return Ok(None) };
        let Some(Later { newest, rows }) = reader.beyond(newest, &is_known)? else {
            return Ok(self.newest.is_none().then(|| Self { newest: Some(newest), ..self.clone() }));
        };
        let mut all = Self { newest: Some(newest), ..self.clone() };
        let Some((keys, table)) = rows else { return Ok(Some(all)) };
        let describe =
            |observer: &dyn Observer| describer.describe_by_factors(encoder, &table, factors, observer);
        match run_alone(describe) {
            Ok((described, items)) => {
                for &row in &described {
                    all.ids.number(keys.ids().get(row as usize));
                }
                all.items.append(&items)?;
            }
            // A column is not what it was at the training, so the rows say nothing, and wait for a refresh.
            Err(EngineError::Column { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Some(all))
    }
}

/// Reads items that were inserted last; `None` without an index that has the column in order by which they are found.
pub fn later_rows(
    model: &str,
    (items, kind): (&RelationRef, IdKind),
    encoder: &ItemEncoder,
    ItemOptions { added_column, text_config, .. }: &ItemOptions,
) -> Result<Option<LaterRows>> {
    let relation = relations::hold(model, "items", items.relation)?;
    let grows = GrowingColumn::of_items(&relation, items, added_column.as_deref())?;
    let Some(grows) = grows.filter(|_| !relation.is_out_of_reach) else { return Ok(None) };
    let columns = described_columns(model, items, kind, Some(encoder), text_config)?;
    Ok(Some(LaterRows::new(columns, grows, MOST)?))
}
