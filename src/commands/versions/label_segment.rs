//! `segrec_label_segment`: names a segment; labels are kept across versions.

use crate::catalog::versions::segments;
use crate::commands::access::privileges::labellable;
use crate::error::{Result, SegrecError};

/// Sets the label of a segment; null removes it.
pub fn label_segment(model: Option<&str>, segment: Option<i32>, label: Option<&str>) -> Result<()> {
    let model = labellable(model)?;
    let segment = segment.ok_or(SegrecError::NullArgument { argument: "segment" })?;
    let known = segments::known(model.id)?;
    if !known.since.contains_key(&segment) {
        let existing = match model.deployed_version_id {
            Some(version_id) => segments::ids(version_id)?,
            None => Vec::new(),
        };
        return Err(SegrecError::UnknownSegment { model: model.name, segment, existing });
    }
    segments::set_label(model.id, segment, label)
}
