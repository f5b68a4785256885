//! `segrec_drop_version`: one version that does not answer; and those that a training leaves behind.

use super::access::owned_and_locked;
use super::deploy::{earlier, numbered};
use crate::catalog::models::{self, Model};
use crate::catalog::{removal, versions};
use crate::error::{Result, SegrecError, notice};
use std::time::Duration;

/// Drops a version.
pub fn drop_version(model: Option<&str>, version: Option<i32>) -> Result<()> {
    owned_and_locked(model, |model| {
        let found = numbered(&model, version)?;
        let deployed = |id: Option<i64>| {
            if id != Some(found.version_id) {
                return Ok(());
            }
            Err(SegrecError::VersionDeployed { model: model.name.clone(), version: found.version })
        };
        deployed(model.deployed_version_id)?;
        let patience = removal::patience();
        if !removal::lock_tables(&[found.version_id], patience)? {
            let version = Some(found.version);
            return Err(SegrecError::BeingRead { model: model.name.clone(), version, patience });
        }
        // One who read the tables to deploy the version may have been waited for.
        deployed(models::lock_row(&model)?.deployed_version_id)?;
        removal::drop_tables(&[found.version_id])?;
        versions::delete(found.version_id)
    })
}

/// Drops all but the newest `keep` versions of a model that has been trained, the deployed one, and the one that a
/// rollback goes to. What others read now stays until a training finds nobody: a training waits for no reader.
pub fn drop_old(trained: &Model, keep: usize) -> Result<()> {
    let Some(model) = models::find(&trained.name)? else {
        return Ok(());
    };
    let mut versions = versions::list(model.id)?;
    let rollback = earlier(&versions, model.deployed_version_id).map(|version| version.version_id);
    versions.sort_unstable_by_key(|version| std::cmp::Reverse(version.version));
    let mut read = Vec::new();
    let mut kept = 0;
    for version in &versions {
        if kept < keep {
            kept += usize::from(version.ready);
            continue;
        }
        let id = Some(version.version_id);
        if id == model.deployed_version_id || id == rollback {
            continue;
        }
        if removal::lock_tables(&[version.version_id], Duration::ZERO)? {
            removal::drop_tables(&[version.version_id])?;
            versions::delete(version.version_id)?;
        } else {
            read.push(version.version.to_string());
        }
    }
    if !read.is_empty() {
        notice(
            format!("versions of model \"{}\" that are to go stay for now: {}", model.name, read.join(", ")),
            Some("other transactions read the tables of versions".to_owned()),
            Some("the next training drops them, or segrec_drop_version".to_owned()),
        );
    }
    Ok(())
}
