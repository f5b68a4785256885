//! `segrec_drop_version`: one version that does not answer.

use super::access::owned_and_locked;
use super::deploy::find_version;
use crate::catalog::{factors, versions};
use crate::error::{Result, SegrecError};

/// Drops a version.
pub fn drop_version(model: Option<&str>, version: Option<i32>) -> Result<()> {
    let model = owned_and_locked(model)?;
    let found = find_version(&model, version)?;
    if model.deployed_version_id == Some(found.version_id) {
        return Err(SegrecError::VersionDeployed { model: model.name, version: found.version });
    }
    factors::drop_tables(found.version_id)?;
    versions::delete(found.version_id)
}
