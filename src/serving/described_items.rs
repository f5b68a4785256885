//! Single rows of the relation of items, read with the caller's rights, as the vectors that a version compares items by.

use crate::catalog::models::Model;
use crate::catalog::sources::access;
use crate::catalog::sources::attributes::{LiveRow, attribute_columns};
use crate::catalog::sources::relations;
use crate::catalog::sources::wanted_columns::WantedColumns;
use crate::error::{Result, SegrecError};
use segrec_engine::EngineError;
use segrec_engine::features::{EncodedItems, ItemEncoder};
use segrec_engine::interactions::Id;

/// Reads the columns of `encoder` of single items; `None` if nothing leads to the row with a key, and without
/// the text search configuration. It is an error if one of the columns is gone, since the others alone would say something else.
pub fn live_item(model: &Model, encoder: &ItemEncoder, text_config: &str) -> Result<Option<LiveRow>> {
    let (Some(items), Some(events)) = (&model.items, &model.events) else { return Ok(None) };
    let relation = relations::hold(&model.name, "items", items.relation, &items.filter)?;
    let Some(access) = access::to_value(&relation, &items.key)? else { return Ok(None) };
    let wanted = WantedColumns::Describing { names: encoder.reads(), added: None, available: None };
    let columns = attribute_columns(&model.name, "items", items, events.item_kind, &wanted, &[])?;
    let texts = encoder.reads_as_text();
    if texts.is_empty() {
        return LiveRow::new(&columns, access, None).map(Some);
    }
    // By its number, the configuration is the same whatever the caller's search path and rights on its schema are.
    let Some(config) = relations::text_search_config(text_config)? else { return Ok(None) };
    let columns = columns.with_texts(&config.to_u32().to_string(), &texts);
    LiveRow::new(&columns, access, Some(config)).map(Some)
}

/// The vector of an item; `None` if it has no row that the caller may read, nothing is known about it, or a column is not
/// what it was at the training.
pub fn vector(live: &LiveRow, encoder: &ItemEncoder, id: Id<'_>) -> Result<Option<EncodedItems>> {
    let encoded = live.find(id).and_then(|row| match row {
        Some(row) => Ok(encoder.encode_first(&row)?),
        None => Ok(None),
    });
    match encoded {
        Err(SegrecError::Engine(EngineError::Column { .. })) => Ok(None),
        encoded => Ok(encoded?.filter(|items| items.is_known(0))),
    }
}
