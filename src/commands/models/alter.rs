//! `segrec_alter_model`: merges options into those of a model, for the next training.

use super::create::{check_filters, check_shown, record_found};
use super::options::check_options;
use crate::catalog::models;
use crate::commands::access::privileges::{owned, reads};
use crate::error::{Result, SegrecError};
use segrec_engine::options::{merge_options, parse_options};
use serde_json::Value;

/// Merges `changes` into the model's options; a null resets an option to its default.
pub fn alter_model(model: Option<&str>, changes: Option<Value>) -> Result<()> {
    let before = owned(model)?;
    let changes = changes.ok_or(SegrecError::NullArgument { argument: "options" })?;
    let mut options = models::lock_row(&before)?.options;
    merge_options(&mut options, &changes);
    let checked = parse_options(&options).map_err(SegrecError::InvalidOptions)?;
    check_options(&checked, reads(&before))?;
    let model = before.clone().with_options(options)?;
    let is_filtered_otherwise = !model.reads_as(&before);
    if is_filtered_otherwise {
        check_filters(&model)?;
    }
    if let (Some(items), Some(events)) = (&model.items, &model.events) {
        check_shown(&model.name, items, events.item_kind, &checked)?;
    }
    models::set_options(model.id, model.options)?;
    if is_filtered_otherwise { record_found(&model.name) } else { Ok(()) }
}
