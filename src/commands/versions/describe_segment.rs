//! `segrec_describe_segment`: a segment of the deployed version, in a paragraph.

use crate::catalog::versions::{described_segment, segments};
use crate::commands::access::privileges::usable;
use crate::error::{Result, SegrecError};
use segrec_engine::segmentation::description::paragraph;

/// Describes a segment of the deployed version to whoever may use the model.
pub fn describe_segment(model: Option<&str>, segment: Option<i32>) -> Result<String> {
    let model = usable(model)?;
    let segment = segment.ok_or(SegrecError::NullArgument { argument: "segment" })?;
    let Some(version_id) = model.deployed_version_id else {
        return Err(SegrecError::NotTrained { model: model.name });
    };
    match described_segment::facts(&model, version_id, segment)? {
        Some(facts) => Ok(paragraph(&facts)),
        None => {
            let existing = segments::ids(version_id)?;
            Err(SegrecError::UnknownSegment { model: model.name, segment, existing })
        }
    }
}
