//! Opens the cache file of a version, writing it first if necessary.

use super::damage::damaged;
use super::file::CacheFile;
use super::write::write;
use crate::catalog::models::Model;
use crate::catalog::versions::{self, items, sections};
use crate::error::{Result, SegrecError};
use crate::pg::files::shared_file::{Unfinished, WriteLock, remove_files, version_file};
use crate::serving::counters;
use segrec_engine::interactions::IdKind;
use segrec_engine::options::algorithm::Decided;
use segrec_engine::scorers::registry::sections_of;
use std::io;
use std::path::Path;

/// Maps the file of a version; writes it first if it is missing or unusable.
pub fn open(
    model: &Model,
    version_id: i64,
    kind: IdKind,
    stored: &versions::DeployedVersion,
) -> Result<CacheFile> {
    let table = versions::table()?;
    let generation = stored.item_generation;
    let path = version_file(version_id, generation, table);
    if let Some(file) = existing(&path, version_id) {
        return Ok(file);
    }
    let failed = |error: io::Error| SegrecError::CacheNotWritten {
        file: path.display().to_string(),
        reason: error.to_string(),
    };
    let _writing = WriteLock::begin().map_err(failed)?;
    if let Some(file) = existing(&path, version_id) {
        return Ok(file);
    }
    let gone = || SegrecError::VersionGone { model: model.name.clone() };
    // A restore may have omitted the rows of these tables.
    let Decided { blend, als, attributes, .. } = &stored.decided;
    let expected = sections_of(blend, als.factors, *attributes);
    let are_there = sections::are_those(version_id, &expected)?;
    if !are_there || items::count_items(version_id)? != stored.items as u64 {
        return Err(gone());
    }
    let deployed = versions::deployed()?;
    // Holding the lock to write, so unfinished files can only be those of killed processes. Statements with an older
    // snapshot may still write the file of an earlier generation, which goes with the next one.
    remove_files(|version, of_items, of| {
        of != Some(table) || !deployed.contains(&version) || version == version_id && of_items < generation
    });
    let unfinished = Unfinished::create(&path).map_err(failed)?;
    let is_whole = write(&unfinished.file, version_id, kind, stored, &path)?;
    if !is_whole || !versions::is_there(version_id)? {
        return Err(gone());
    }
    unfinished.complete(&path).map_err(failed)?;
    counters::count_file(model.id);
    let file = CacheFile::open(&path, version_id)?
        .map(CacheFile::written)
        .ok_or_else(|| failed(io::Error::new(io::ErrorKind::NotFound, "it was deleted concurrently")))?;
    if versions::is_dropped(version_id)? {
        // The version was dropped meanwhile, and that transaction did not see the file. This session has it mapped.
        let _ = std::fs::remove_file(&path);
    }
    Ok(file)
}

/// Maps an existing file; deletes it if it is unusable.
fn existing(path: &Path, version_id: i64) -> Option<CacheFile> {
    match CacheFile::open(path, version_id) {
        Ok(file) => file,
        Err(error) => {
            damaged(path, &error);
            None
        }
    }
}
