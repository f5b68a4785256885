//! `segrec_drop_model`: a model with all its versions and its schedule.

use super::access::owned_and_locked;
use super::schedule::forget;
use crate::catalog::{factors, models, versions};
use crate::error::Result;

/// Drops a model.
pub fn drop_model(model: Option<&str>) -> Result<()> {
    let model = owned_and_locked(model)?;
    forget(&model)?;
    for version in versions::list(model.id)? {
        factors::drop_tables(version.version_id)?;
    }
    models::delete(model.id)
}
