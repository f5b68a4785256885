//! SASRec as a [`Method`].
//!
//! The number of epochs is that which ranked held-out events best; the fit to everything goes on from there. It knows the order
//! of items only where events have times, and learns it where histories are long: below half a million events, or where
//! the median user has fewer than fifty items, it is not tried unless the options ask for it.

use super::adapters;
use super::estimate;
use super::features::most_columns;
use super::settings::settings;
use super::shape::SasrecShape;
use super::stored::{ADAPTERS, NETWORK, ROWS, StoredNetwork};
use super::trained::TrainedNetwork;
use crate::auto::AutoOr;
use crate::error::{EngineError, Result};
use crate::interactions::{Interactions, Size};
use crate::observer::Observer;
use crate::options::algorithm::Algorithm;
use crate::options::checked::Options;
use crate::scorers::method::{FitInput, Fitted, Method, SegmentSizes};
use crate::scorers::sections::{SectionKind, StoredSections};
use std::sync::Arc;

/// A causal transformer over the order of a user's items.
#[derive(Clone, Copy, Debug)]
pub struct Sasrec;

/// The fewest events, and the fewest items of the median user, with which it is tried unless the options ask for it.
pub const FEWEST_EVENTS: usize = 500_000;
/// See [`FEWEST_EVENTS`].
pub const FEWEST_ITEMS: usize = 50;

impl Sasrec {
    fn is_asked_for(options: &Options) -> Option<bool> {
        match options.sasrec.share {
            _ if options.is_explicit() => Some(false),
            _ if options.algorithm == Algorithm::Sasrec => Some(true),
            AutoOr::Given(share) => Some(share > 0.0),
            AutoOr::Auto => None,
        }
    }

    fn is_wanted(options: &Options, interactions: &Interactions) -> bool {
        let is_large = || {
            let by_user = interactions.by_user();
            let mut lengths: Vec<usize> = (0..by_user.rows()).map(|user| by_user.row_len(user)).collect();
            let middle = lengths.len() / 2;
            let median = if lengths.is_empty() { 0 } else { *lengths.select_nth_unstable(middle).1 };
            interactions.entries() >= FEWEST_EVENTS && median >= FEWEST_ITEMS
        };
        interactions.ranks().is_some() && Self::is_asked_for(options).unwrap_or_else(is_large)
    }

    /// Whether a training of that size may fit it: half of the users may have no more than one item.
    fn may_be_wanted(options: &Options, size: Size) -> bool {
        let is_large = size.events >= FEWEST_EVENTS && 2 * size.events >= FEWEST_ITEMS * size.users;
        Self::is_asked_for(options).unwrap_or(is_large)
    }
}

/// The most segments that can have adapters.
fn most_adapters(segments: SegmentSizes, options: &Options) -> usize {
    let has_none = segments.count < 2 || options.sasrec.adapters == AutoOr::Given(false);
    if has_none { 0 } else { segments.count }
}

impl Method for Sasrec {
    fn name(&self) -> &'static str {
        "sasrec"
    }

    fn memory(&self, size: Size, segments: SegmentSizes, options: &Options) -> u64 {
        if !Self::may_be_wanted(options, size) {
            return 0;
        }
        let Size { users, items, events, .. } = size;
        let settings = settings(options, events);
        let rows = 3 * 4 * (settings.shape.width + 1) * items + 4 * events + 8 * users;
        let columns = most_columns(options);
        let features = 4 * 2 * items * columns;
        let adapters = adapters::memory(&settings, most_adapters(segments, options));
        estimate::training_bytes(&settings, users, items, events, columns)
            + (rows + features) as u64
            + adapters
    }

    /// A row of an item in tables and in the file; the network is small.
    fn stored(&self, size: Size, segments: SegmentSizes, options: &Options) -> u64 {
        if !Self::may_be_wanted(options, size) {
            return 0;
        }
        let settings = settings(options, size.events);
        let adapters = adapters::stored(&settings, most_adapters(segments, options));
        (2 * (4 * (settings.shape.width + 1) + 48) * size.items + 4 * settings.shape.values()) as u64
            + adapters
    }

    fn share(&self, options: &Options) -> AutoOr<f64> {
        options.sasrec.share
    }

    fn reads_ranks(&self) -> bool {
        true
    }

    fn fit(
        &self,
        input: FitInput<'_>,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        if !Self::is_wanted(options, input.interactions) {
            if options.algorithm == Algorithm::Sasrec {
                let reason = "events have no times, which the algorithm \"sasrec\" orders them by".to_owned();
                return Err(EngineError::NothingToTrainOn { reason });
            }
            return Ok(None);
        }
        Ok(Some(Arc::new(TrainedNetwork::fit(input, options, observer)?)))
    }

    fn sections(&self, _: usize) -> Vec<(&'static str, SectionKind)> {
        vec![
            (ROWS, SectionKind::Dense { columns: SasrecShape::default().width + 1 }),
            (NETWORK, SectionKind::Opaque),
            (ADAPTERS, SectionKind::Opaque),
        ]
    }

    fn open<'a>(&self, sections: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>> {
        Ok(Box::new(StoredNetwork::open(sections)?))
    }
}
