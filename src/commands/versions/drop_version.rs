//! `segrec_drop_version`: drops a version that is not deployed; trainings drop old versions in the same way.

use super::deploy::{earlier, numbered};
use crate::catalog::models::{self, Model};
use crate::catalog::{removal, versions};
use crate::commands::access::privileges::owned_and_locked;
use crate::error::{Result, SegrecError};

pub fn drop_version(model: Option<&str>, version: Option<i32>) -> Result<()> {
    owned_and_locked(model, |model| {
        let found = numbered(&model, version)?;
        // Deployments update the locked row, so its value is valid until the end of the transaction.
        if models::lock_row(&model)?.deployed_version_id == Some(found.version_id) {
            return Err(SegrecError::VersionDeployed { model: model.name, version: found.version });
        }
        removal::delete_versions(&[found.version_id])
    })
}

/// Drops all versions of a model except the newest `keep`, the deployed one, and the target of a rollback. The caller,
/// a training, has updated the model's row as a deployment does, so none can happen concurrently.
pub fn drop_old(trained: &Model, keep: usize) -> Result<()> {
    let Some(model) = models::find(&trained.name)? else {
        return Ok(());
    };
    let mut versions = versions::list(model.id)?;
    let rollback = earlier(&versions, model.deployed_version_id).map(|version| version.version_id);
    versions.sort_unstable_by_key(|version| std::cmp::Reverse(version.version));
    let (mut kept, mut old) = (0, Vec::new());
    for version in &versions {
        if kept < keep {
            kept += usize::from(version.ready);
            continue;
        }
        let id = Some(version.version_id);
        if id != model.deployed_version_id && id != rollback {
            old.push(version.version_id);
        }
    }
    if old.is_empty() { Ok(()) } else { removal::delete_versions(&old) }
}
