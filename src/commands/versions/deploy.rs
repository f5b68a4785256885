//! `segrec_deploy` and `segrec_rollback`: which version answers.

use crate::catalog::models::{self, Model};
use crate::catalog::versions::{self, Version};
use crate::commands::access::privileges::owned;
use crate::error::{Result, SegrecError};

/// The version of that number, complete.
pub fn find_version(model: &Model, version: Option<i32>) -> Result<Version> {
    let found = numbered(model, version)?;
    if found.ready {
        return Ok(found);
    }
    Err(SegrecError::VersionFailed { model: model.name.clone(), version: found.version })
}

/// The version of that number, also where its training failed.
pub fn numbered(model: &Model, version: Option<i32>) -> Result<Version> {
    let version = version.ok_or(SegrecError::NullArgument { argument: "version" })?;
    let versions = versions::list(model.id)?;
    let mut existing: Vec<i32> = versions.iter().map(|found| found.version).collect();
    existing.sort_unstable();
    versions.into_iter().find(|found| found.version == version).ok_or_else(|| SegrecError::UnknownVersion {
        model: model.name.clone(),
        version,
        existing,
    })
}

/// Lets a version answer.
pub fn deploy(model: Option<&str>, version: Option<i32>) -> Result<()> {
    let model = owned(model)?;
    let version = find_version(&model, version)?;
    answer(&model, version.version_id)
}

/// Lets a version answer, if it is not dropped meanwhile.
pub fn answer(model: &Model, version_id: i64) -> Result<()> {
    if models::deploy(model.id, version_id)? {
        return Ok(());
    }
    Err(SegrecError::VersionGone { model: model.name.clone() })
}

/// Lets the version answer that answered before the deployed one; gives its number.
pub fn rollback(model: Option<&str>) -> Result<i32> {
    let model = owned(model)?;
    let versions = versions::list(model.id)?;
    match earlier(&versions, model.deployed_version_id) {
        Some(version) => {
            answer(&model, version.version_id)?;
            Ok(version.version)
        }
        None => {
            let deployed = number(&versions, model.deployed_version_id);
            Err(SegrecError::NothingToRollBackTo { model: model.name, deployed })
        }
    }
}

fn number(versions: &[Version], version_id: Option<i64>) -> Option<i32> {
    versions.iter().find(|version| Some(version.version_id) == version_id).map(|version| version.version)
}

/// The version that a rollback from the deployed one goes to. Only older ones count, so that two rollbacks go back
/// two versions instead of returning.
pub fn earlier(versions: &[Version], deployed_version_id: Option<i64>) -> Option<&Version> {
    let deployed = number(versions, deployed_version_id)?;
    versions
        .iter()
        .filter(|version| version.ready && version.was_deployed && version.version < deployed)
        .max_by_key(|version| version.version)
}
