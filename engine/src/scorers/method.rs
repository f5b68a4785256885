//! A scorer as a training sees it: what resources it needs, how it is fitted, and how the fit scores for a user.
//!
//! To add a scorer, write a folder with a [`Method`] whose fit returns a [`Scorer`] for each user, and list it in
//! [`super::registry`].

use super::neighbours::NeighbourScratch;
use super::scorer::Scorer;
use super::sections::{NewSection, SectionKind, StoredSections};
use crate::auto::AutoOr;
use crate::error::Result;
use crate::interactions::{Interactions, Size};
use crate::observer::Observer;
use crate::options::checked::Options;
use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Arc;

/// A kind of scorer that can be fitted. All methods but [`Method::name`] have defaults.
pub trait Method: Sync {
    /// The name under which blends and training decisions refer to it.
    fn name(&self) -> &'static str;

    /// An upper estimate of the bytes of memory that this scorer adds to the peak of a training.
    fn memory(&self, _size: Size, _segments: SegmentSizes, _options: &Options) -> u64 {
        0
    }

    /// An upper estimate of the bytes on disk that this scorer adds, in tables and in the shared file.
    fn stored(&self, _size: Size, _segments: SegmentSizes, _options: &Options) -> u64 {
        0
    }

    /// Whether its fit distinguishes the tastes of users, so that users can be segmented by it.
    fn has_taste_factors(&self) -> bool {
        false
    }

    /// The scorer's share of a blend, if the options fix it.
    fn share(&self, _options: &Options) -> AutoOr<f64> {
        AutoOr::Auto
    }

    /// Fits the scorer to interactions; `None` if it needs only the factors and segments of the training.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    fn fit(
        &self,
        _interactions: &Interactions,
        _options: &Options,
        _observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        Ok(None)
    }

    /// The names and kinds of the sections in which a fit is stored, if factors have `columns` columns.
    fn sections(&self, _columns: usize) -> Vec<(&'static str, SectionKind)> {
        Vec::new()
    }

    /// Opens a stored fit without copying its sections; `None` if it needs only factors and segments.
    ///
    /// # Errors
    /// [`crate::EngineError::Encoding`] if a section is missing or of another kind.
    fn open<'a>(&self, _sections: &StoredSections<'a>) -> Result<Option<Box<dyn Fitted + 'a>>> {
        Ok(None)
    }
}

/// A fitted scorer, from a training or opened from storage.
pub trait Fitted: Debug + Send + Sync {
    /// The scorer for one user.
    fn scorer<'a>(
        &'a self,
        user: KnownUser<'a>,
        scratch: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a>;

    /// The contents to store, keyed by the names in [`Method::sections`].
    fn sections(&self) -> Vec<(&'static str, NewSection<'_>)> {
        Vec::new()
    }

    /// What each item in a history adds to the score of `target`, if scores are sums of such weights. Otherwise `None`,
    /// and users are scored one by one.
    fn column(&self, _target: u32) -> Option<Vec<f32>> {
        None
    }

    /// The items similar to another, ascending, and the similarities; `None` if the scorer has no notion of them.
    fn similar(&self, _item: u32) -> Option<(&[u32], &[f32])> {
        None
    }
}

/// What a fit is told about a user it scores for.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownUser<'a> {
    /// The user's items that the model uses, ascending.
    pub items: &'a [u32],
    /// The confidences of `items`; empty if no explanation is needed.
    pub confidences: &'a [f32],
    /// The weights of `items`, if they are not all 1.
    pub shares: Option<&'a [f32]>,
}

/// The largest segmentation that a training considers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSizes {
    /// The number of segments.
    pub count: usize,
    /// The number of (segment, item) pairs that occur.
    pub pairs: u64,
}

impl SegmentSizes {
    /// The upper limit that options and data permit.
    pub fn most(size: Size, options: &Options) -> Self {
        let Size { users, events, spread, .. } = size;
        let most = match events {
            0 => options.segmentation.readable_target(users),
            _ => options.segmentation.recommending_target(users, events, options.als.most_factors()),
        };
        let count = most.counts.last().copied().unwrap_or(1);
        Self { count, pairs: if count > 1 { spread.pairs(count) } else { 0 } }
    }
}
