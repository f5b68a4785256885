//! `segrec_deploy` and `segrec_rollback`: choose the deployed version.

use crate::catalog::models::{self, Model};
use crate::catalog::versions::{self, Version, VersionState};
use crate::commands::access::privileges::owned;
use crate::error::{Result, SegrecError};

/// The version with this number, which must be complete.
pub fn find_version(model: &Model, version: Option<i32>) -> Result<Version> {
    let found = numbered(model, version)?;
    let (model, version) = (model.name.clone(), found.version);
    match found.state {
        VersionState::Ready => Ok(found),
        VersionState::Failed => Err(SegrecError::VersionFailed { model, version }),
        VersionState::History => Err(SegrecError::VersionIsHistory { model, version }),
    }
}

/// The version with this number, whatever is stored of it.
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

/// Deploys a version of a model.
pub fn deploy(model: Option<&str>, version: Option<i32>) -> Result<()> {
    let model = owned(model)?;
    let version = find_version(&model, version)?;
    answer(&model, version.version_id)
}

/// Deploys a version, unless it has been dropped meanwhile.
pub fn answer(model: &Model, version_id: i64) -> Result<()> {
    if models::deploy(model.id, version_id)? {
        return Ok(());
    }
    Err(SegrecError::VersionGone { model: model.name.clone() })
}

/// Deploys the version that was deployed before the current one, and returns its number.
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

/// The target of a rollback. Only versions older than the deployed one qualify, so that two rollbacks go back two
/// versions rather than return to the first.
pub fn earlier(versions: &[Version], deployed_version_id: Option<i64>) -> Option<&Version> {
    let deployed = number(versions, deployed_version_id)?;
    versions
        .iter()
        .filter(|version| {
            version.state == VersionState::Ready && version.was_deployed && version.version < deployed
        })
        .max_by_key(|version| version.version)
}
