//! `segrec_drop_model`: a model with all its versions and its schedule.

use super::access::owned_and_locked;
use super::schedule::forget;
use crate::catalog::{models, removal, versions};
use crate::error::{Result, SegrecError};

/// Drops a model.
pub fn drop_model(model: Option<&str>) -> Result<()> {
    owned_and_locked(model, |model| {
        models::take(&model)?;
        forget(&model)?;
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
