//! What happens to a file that is damaged.

use crate::error::{SegrecError, log};
use std::path::Path;

/// Deletes a damaged file and says so in the server's log.
pub fn damaged(path: &Path, error: &SegrecError) {
    let _ = std::fs::remove_file(path);
    let reason = match error {
        SegrecError::CacheDamaged { reason, .. } | SegrecError::CacheNotWritten { reason, .. } => reason,
        _ => "it cannot be read",
    };
    log(format!("the model's file \"{}\" is written anew from its tables: {reason}", path.display()));
}
