//! `segrec_drop_version`: drops a version that is not deployed, and its history; trainings drop old versions
//! and keep the history of those that were deployed.

use super::deploy::{earlier, numbered};
use crate::catalog::models::{self, Model};
use crate::catalog::removal;
use crate::catalog::versions::{self, VersionState};
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

/// Drops all versions of a model except the newest `keep`, the deployed one, and the target of a rollback. What the
/// trainings of dropped versions found that were deployed stays as history, of at most the newest `keep_history`. The
/// caller, a training, has updated the model's row as a deployment does, so none can happen concurrently.
pub fn drop_old(trained: &Model, keep: usize, keep_history: usize) -> Result<()> {
    let Some(model) = models::find(&trained.name)? else {
        return Ok(());
    };
    let mut versions = versions::list(model.id)?;
    let rollback = earlier(&versions, model.deployed_version_id).map(|version| version.version_id);
    versions.sort_unstable_by_key(|version| std::cmp::Reverse(version.version));
    let (mut kept, mut in_history, mut old, mut past) = (0, 0, Vec::new(), Vec::new());
    for version in &versions {
        let id = version.version_id;
        let is_history = version.state == VersionState::History;
        if !is_history && kept < keep {
            kept += usize::from(version.state == VersionState::Ready);
        } else if Some(id) == model.deployed_version_id || Some(id) == rollback {
            continue;
        } else if version.was_deployed && in_history < keep_history {
            in_history += 1;
            past.extend((!is_history).then_some(id));
        } else {
            old.push(id);
        }
    }
    if !past.is_empty() {
        removal::reduce_to_history(&past)?;
    }
    if old.is_empty() { Ok(()) } else { removal::delete_versions(&old) }
}
