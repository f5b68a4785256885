//! Handling of damaged cache files.

use crate::error::{SegrecError, log};
use std::path::Path;

/// Deletes a damaged file and reports it in the server log.
pub fn damaged(path: &Path, error: &SegrecError) {
    let _ = std::fs::remove_file(path);
    let reason = match error {
        SegrecError::CacheDamaged { reason, .. } | SegrecError::CacheNotWritten { reason, .. } => reason,
        _ => "it cannot be read",
    };
    log(format!("cache file \"{}\" will be rewritten from the model's tables: {reason}", path.display()));
}
