//! Items that were inserted after a version was trained or refreshed, as this session has met and described them. They
//! are in the lists of its calls at once; `segrec_refresh_items` gives them rows of their own, which all functions and
//! sessions share.
//!
//! They are found by their keys, which must grow and have an index: a call asks for rows beyond the largest key it knows,
//! which takes some 20 µs if there are none. A row that is not committed yet when a later one is read is not met before a
//! refresh.

use crate::catalog::models::RelationRef;
use crate::catalog::sources::attributes::described_columns;
use crate::catalog::sources::later_rows::LaterRows;
use crate::catalog::sources::relations;
use crate::error::Result;
use crate::pg::security::rights::current_role;
use pgrx::pg_sys;
use segrec_engine::features::ItemEncoder;
use segrec_engine::interactions::{Id, IdKind, Ids};
use segrec_engine::scorers::content::ItemDescriber;
use segrec_engine::scorers::new_items::DescribedItems;
use segrec_engine::{EngineError, Rows, Silent};

/// The most items that a session describes by itself: a third of a second in all, and some 400 bytes each with 64 factors.
/// Further ones wait for a refresh.
const MOST: u32 = 1_000;

/// Items that a session has met.
#[derive(Clone)]
pub struct LaterItems {
    /// The role that read them, whose rights and policies decide which rows there are.
    role: pg_sys::Oid,
    /// The largest key that was read.
    newest: i64,
    /// The keys, ascending, of those of which anything is known.
    ids: Vec<i64>,
    /// These items, as scorers see them.
    items: DescribedItems,
}

impl LaterItems {
    /// No items yet; the version has keys up to `newest`, and `items` items with k factors.
    pub fn none(newest: i64, items: usize, k: usize, describer: &ItemDescriber) -> Result<Self> {
        Ok(Self { role: current_role(), newest, ids: Vec::new(), items: describer.nothing(items, k)? })
    }

    /// Whether the current role has read them.
    pub fn are_own(&self) -> bool {
        self.role == current_role()
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The items, as scorers see them.
    pub fn items(&self) -> &DescribedItems {
        &self.items
    }

    /// The key of an item, by place.
    pub fn id(&self, place: usize) -> Id<'_> {
        Id::Bigint(self.ids[place])
    }

    /// The place of an item, by key.
    pub fn find(&self, id: Id<'_>) -> Option<u32> {
        let id = match id {
            Id::Bigint(id) => id,
            Id::Text(id) => id.parse().ok()?,
            Id::Uuid(_) => return None,
        };
        self.ids.binary_search(&id).ok().map(|place| place as u32)
    }

    /// The same items and those that were inserted since; `None` if there are none, or the caller may not read them.
    /// `factors` are those of the items of the version.
    pub fn with_newer(
        &self,
        reader: &LaterRows,
        (encoder, describer): (&ItemEncoder, &ItemDescriber),
        factors: Rows<'_>,
    ) -> Result<Option<Self>> {
        if self.ids.len() >= MOST as usize {
            return Ok(None);
        }
        let Some((Ids::Bigint(keys), table)) = reader.beyond(Id::Bigint(self.newest))? else {
            return Ok(None);
        };
        let Some(&newest) = keys.last() else { return Ok(None) };
        let mut all = Self { newest, ..self.clone() };
        let Some(table) = table else { return Ok(Some(all)) };
        match describer.describe_by_factors(encoder, &table, factors, &Silent) {
            Ok((described, items)) => {
                all.ids.extend(described.iter().map(|&row| keys[row as usize]));
                all.items.append(&items)?;
            }
            // A column is not what it was at the training, so the rows say nothing, and wait for a refresh.
            Err(EngineError::Column { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Some(all))
    }
}

/// Reads items beyond a key; `None` without an index that has the keys in order.
pub fn later_rows(
    model: &str,
    items: &RelationRef,
    encoder: &ItemEncoder,
    text_config: &str,
) -> Result<Option<LaterRows>> {
    let relation = relations::hold(model, "items", items.relation)?;
    if relation.is_out_of_reach || !relations::has_ordered_index(items.relation, &items.key)? {
        return Ok(None);
    }
    let columns = described_columns(model, items, IdKind::Bigint, Some(encoder), text_config)?;
    Ok(Some(LaterRows::new(columns, MOST)?))
}
