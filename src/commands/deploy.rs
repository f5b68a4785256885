//! `segrec_deploy` and `segrec_rollback`: which version answers.

use super::access::owned;
use crate::catalog::models::{self, Model};
use crate::catalog::versions::{self, Version};
use crate::error::{Result, SegrecError};

/// The version of that number, complete.
pub fn find_version(model: &Model, version: Option<i32>) -> Result<Version> {
    let version = version.ok_or(SegrecError::NullArgument { argument: "version" })?;
    let versions = versions::list(model.id)?;
    let mut existing: Vec<i32> = versions.iter().map(|found| found.version).collect();
    existing.sort_unstable();
    versions
        .into_iter()
        .find(|found| found.version == version && found.ready)
        .ok_or_else(|| SegrecError::UnknownVersion { model: model.name.clone(), version, existing })
}

/// Lets a version answer.
pub fn deploy(model: Option<&str>, version: Option<i32>) -> Result<()> {
    let model = owned(model)?;
    let version = find_version(&model, version)?;
    models::deploy(model.id, version.version_id)
}

/// Lets the version answer that answered before the deployed one; gives its number.
pub fn rollback(model: Option<&str>) -> Result<i32> {
    let model = owned(model)?;
    let versions = versions::list(model.id)?;
    let deployed = versions.iter().find(|version| Some(version.version_id) == model.deployed_version_id);
    let deployed_number = deployed.map(|version| version.version);
    // Versions come with the latest deployment first; only older ones count, so that two rollbacks go
    // back two versions instead of returning.
    let earlier = versions
        .iter()
        .filter(|version| version.ready && version.was_deployed)
        .filter(|version| deployed_number.is_some_and(|deployed| version.version < deployed))
        .max_by_key(|version| version.version);
    match earlier {
        Some(version) => {
            models::deploy(model.id, version.version_id)?;
            Ok(version.version)
        }
        None => Err(SegrecError::NothingToRollBackTo { model: model.name, deployed: deployed_number }),
    }
}
