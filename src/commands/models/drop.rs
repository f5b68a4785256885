//! `segrec_drop_model`: drops a model with all its versions, its schedule and its functions.

use super::functions::drop_functions;
use crate::catalog::{models, removal};
use crate::commands::access::privileges::owned_and_locked;
use crate::commands::schedules::schedule::forget;
use crate::error::{Result, SegrecError};

pub fn drop_model(model: Option<&str>) -> Result<()> {
    owned_and_locked(model, |model| {
        models::take(&model)?;
        forget(&model)?;
        drop_functions(&model)?;
        if removal::delete_model(model.id)? {
            return Ok(());
        }
        Err(SegrecError::ModelChanged { name: model.name })
    })
}
