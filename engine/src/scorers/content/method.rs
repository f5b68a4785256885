//! Content as a [`Method`]: weights between items that have much in common, which score as those of neighbours do.

use super::similarity::of_nearest;
use crate::error::{EngineError, Result};
use crate::interactions::Size;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::scorers::method::{FitInput, Fitted, Method, SegmentSizes};
use crate::scorers::neighbours::Neighbours;
use crate::scorers::neighbours::method::WEIGHTS;
use crate::scorers::sections::{SectionKind, StoredSections};
use std::sync::Arc;

/// Items that resemble those of the user.
pub struct Content;

/// The number of sources whose content is compared with a target's and kept.
pub const NEAREST: usize = 50;

impl Method for Content {
    fn name(&self) -> &'static str {
        "content"
    }

    /// The weights, twice while they are sorted.
    fn memory(&self, size: Size, _: SegmentSizes, _: &Options) -> u64 {
        (2 * 16 * size.items * NEAREST.min(size.items)) as u64
    }

    /// A column number and a weight for each of the nearest, in tables and in the file.
    fn stored(&self, size: Size, _: SegmentSizes, _: &Options) -> u64 {
        (2 * 8 * size.items * NEAREST.min(size.items)) as u64
    }

    fn weighs_history(&self) -> bool {
        true
    }

    fn fit(
        &self,
        input: FitInput<'_>,
        _: &Options,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        let reason = || "items has no column that can be used besides its key".to_owned();
        let content = input.content.ok_or_else(|| EngineError::NothingToTrainOn { reason: reason() })?;
        Ok(Some(Arc::new(Neighbours::from_rows(of_nearest(&content.nearest, observer)?)?)))
    }

    fn sections(&self, _: usize) -> Vec<(&'static str, SectionKind)> {
        vec![(WEIGHTS, SectionKind::Sparse)]
    }

    fn open<'a>(&self, sections: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>> {
        Ok(Box::new(sections.sparse(WEIGHTS)?))
    }
}
