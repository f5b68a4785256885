//! Taking again as a [`Method`].

use super::rhythms::{COLUMNS, rhythms};
use super::scorer::RepeatScorer;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::interactions::Size;
use crate::matrix::{Matrix, Rows};
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::scorers::method::{FitInput, Fitted, KnownUser, Method, SegmentSizes, SegmentView};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::scorer::Scorer;
use crate::scorers::sections::{NewSection, SectionKind, StoredSections};
use std::cell::RefCell;
use std::sync::Arc;

/// What a user takes again.
#[derive(Clone, Copy, Debug)]
pub struct TakenAgain;

/// The section with the rhythms of items.
pub const RHYTHMS: &str = "rhythms";
/// The half-life in seconds that takings have unless another is better: 120 days, the best of 60, 120, 180 and 365 on Online
/// Retail (.3209, .3225, .3206 and .3198, ndcg@10 of own items, 80 % of the events and the next 10 %).
pub const USUAL_HALF_LIFE: f64 = 120.0 * 86_400.0;

/// The name of the scorer, which is also the source of a user's own items in lists.
pub const NAME: &str = "repeat";

impl Method for TakenAgain {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The moments of all pairs while events are combined, and what is kept of them in three sets of interactions.
    fn memory(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        if options.repeat.share == AutoOr::Given(0.0) {
            return 0;
        }
        ((2 * 32 + 3 * 12) * size.events + (32 + 4 * COLUMNS) * size.items) as u64
    }

    /// Three numbers per item in tables and in the file with the row that holds them, and three numbers per pair.
    fn stored(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        if options.repeat.share == AutoOr::Given(0.0) {
            return 0;
        }
        (2 * (4 * COLUMNS + 4) * size.items + 12 * size.events) as u64
    }

    fn needs_latest(&self) -> bool {
        true
    }

    fn ranks_alone(&self) -> bool {
        false
    }

    /// On Online Retail, trained on 80 % of the events and measured on all of the next 10 %, a share of .07 reaches .338 (ndcg@10),
    /// .13 .345, .23 .343, .37 .338, and .54 .335.
    fn usual_share(&self) -> f32 {
        0.2
    }

    fn share(&self, options: &Options) -> AutoOr<f64> {
        options.repeat.share
    }

    fn fit(
        &self,
        FitInput { interactions, .. }: FitInput<'_>,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        observer.check()?;
        let half_life = options.repeat.half_life.unwrap_or_else(|| USUAL_HALF_LIFE);
        let Some(repeats) = interactions.repeats() else { return Ok(None) };
        Ok(Some(Arc::new(FittedRhythms(rhythms(repeats.gaps(), half_life)?))))
    }

    fn sections(&self, _: usize) -> Vec<(&'static str, SectionKind)> {
        vec![(RHYTHMS, SectionKind::Dense { columns: COLUMNS })]
    }

    fn open<'a>(&self, sections: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>> {
        Ok(Box::new(StoredRhythms(sections.dense(RHYTHMS)?)))
    }
}

/// The rhythms of a training.
#[derive(Clone, Debug)]
struct FittedRhythms(Matrix);

impl Fitted for FittedRhythms {
    fn scorer<'a>(
        &'a self,
        view: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        Box::new(RepeatScorer::new(user, view.items, self.0.view()))
    }

    fn sections(&self) -> Result<Vec<(&'static str, NewSection<'_>)>> {
        Ok(vec![(RHYTHMS, NewSection::Dense(&self.0))])
    }
}

/// The rhythms of a version.
#[derive(Clone, Copy, Debug)]
struct StoredRhythms<'a>(Rows<'a>);

impl Fitted for StoredRhythms<'_> {
    fn scorer<'a>(
        &'a self,
        view: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        Box::new(RepeatScorer::new(user, view.items, self.0))
    }
}
