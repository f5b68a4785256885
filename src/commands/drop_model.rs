//! `segrec_drop_model`: a model with all its versions, its schedule and its functions.

use super::access::owned_and_locked;
use super::functions::drop_functions;
use super::schedule::forget;
use crate::catalog::{models, removal, versions};
use crate::error::{Result, SegrecError};

/// Drops a model.
pub fn drop_model(model: Option<&str>) -> Result<()> {
    owned_and_locked(model, |model| {
        models::take(&model)?;
        forget(&model)?;
        drop_functions(&model)?;
        let versions: Vec<i64> = versions::list(model.id)?.iter().map(|version| version.version_id).collect();
        let patience = removal::patience();
        if !removal::lock_tables(&versions, patience)? {
            return Err(SegrecError::BeingRead { model: model.name, version: None, patience });
        }
        removal::drop_tables(&versions)?;
        removal::free_counters(model.id)?;
        models::delete(model.id)
    })
}
