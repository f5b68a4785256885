//! A way to score as a training sees it: what it takes, how it is fitted, and what a fit says for a user.
//!
//! Whoever adds a way to score writes a folder with a [`Method`], whose fit gives a [`Scorer`] for every
//! user, and names it in [`super::registry`].

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

/// A way to score, before it is fitted. All but its name has a default that says: nothing.
pub trait Method: Sync {
    /// Its name, in blends and in what a training decided.
    fn name(&self) -> &'static str;

    /// Bytes at the peak of a training that are its own: an upper estimate.
    fn memory(&self, _size: Size, _segments: SegmentSizes, _options: &Options) -> u64 {
        0
    }

    /// Bytes on the disk that are its own, in tables and in the file that sessions share: an upper estimate.
    fn stored(&self, _size: Size, _segments: SegmentSizes, _options: &Options) -> u64 {
        0
    }

    /// Whether its fit tells the tastes of users apart, so that segments can be found from it.
    fn has_taste_factors(&self) -> bool {
        false
    }

    /// The share of a blend that it shall have, where that is given.
    fn share(&self, _options: &Options) -> AutoOr<f64> {
        AutoOr::Auto
    }

    /// Fits it to interactions; none where all that it needs are the factors and segments of the training.
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

    /// The sections that it is stored as, by their names within it.
    fn sections(&self) -> &'static [(&'static str, SectionKind)] {
        &[]
    }

    /// A fit that was stored, read where its sections lie; none where all that it needs are factors and segments.
    ///
    /// # Errors
    /// [`crate::EngineError::Encoding`] where a section is not there, or has another form.
    fn open<'a>(&self, _sections: &StoredSections<'a>) -> Result<Option<Box<dyn Fitted + 'a>>> {
        Ok(None)
    }
}

/// A way to score that is fitted: by a training, or as it was stored.
pub trait Fitted: Debug + Send + Sync {
    /// What it says for a user.
    fn scorer<'a>(
        &'a self,
        user: KnownUser<'a>,
        scratch: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a>;

    /// What is stored of it, by the names of its [`Method::sections`].
    fn sections(&self) -> Vec<(&'static str, NewSection<'_>)> {
        Vec::new()
    }

    /// What each item of a history adds to the score of `target`, where scores are sums of that; none where they are not,
    /// and users are scored one by one.
    fn column(&self, _target: u32) -> Option<Vec<f32>> {
        None
    }

    /// The items that are like another, ascending, and how much; none where it does not tell.
    fn similar(&self, _item: u32) -> Option<(&[u32], &[f32])> {
        None
    }
}

/// What is known of a user whom a fit scores for.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownUser<'a> {
    /// The items that count of what they have, ascending.
    pub items: &'a [u32],
    /// The confidences of these; empty where nothing is explained.
    pub confidences: &'a [f32],
    /// How much each of these counts, where not all count 1.
    pub shares: Option<&'a [f32]>,
}

/// How many segments a training tries at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSizes {
    /// How many.
    pub count: usize,
    /// How many items occur in them, summed over segments.
    pub pairs: u64,
}

impl SegmentSizes {
    /// The most that options and data allow.
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
