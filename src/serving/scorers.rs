//! Opens the scorers of a version on its mapped rows. Lists, audiences and explanations need not know any scorer by name.

use super::history::aged;
use super::version::{Segment, ServedVersion};
use crate::catalog::versions::members::Member;
use crate::error::Result;
use segrec_engine::ranking::blended::Weight;
use segrec_engine::ranking::{Blend, Blended, Part, Source};
use segrec_engine::scorers::factors::ItemRows;
use segrec_engine::scorers::method::{KnownUser, SegmentView};
use segrec_engine::scorers::neighbours::NeighbourScratch;
use segrec_engine::scorers::popular_now::RecentCounts;
use segrec_engine::scorers::registry::named;
use segrec_engine::scorers::{Fitted, Method};
use std::cell::RefCell;
use std::sync::Arc;

/// A scorer of a version's blend.
pub struct OpenedScorer<'a> {
    /// What kind of scorer it is.
    pub method: &'static dyn Method,
    /// Its fit.
    pub fitted: Box<dyn Fitted + 'a>,
    weight: f32,
}

/// The scorers of a version, for the users of one segment.
pub struct SegmentScorers<'a> {
    /// In the order of the blend.
    scorers: Vec<OpenedScorer<'a>>,
    blend: &'a Blend,
    view: SegmentView<'a>,
    /// What is popular now, if the blend has it.
    recent: Option<Arc<RecentCounts>>,
    popular: &'a [u32],
}

impl ServedVersion {
    /// Whether the version has any scorer besides popularity.
    pub fn has_scorers(&self) -> bool {
        !self.decided.blend.has("popularity")
    }

    /// The segment whose popular items fill up the lists of users measured by the gate. If popularity ranks, segments
    /// rejected by the gate are omitted.
    pub fn filling<'a>(&self, segment: Segment<'a>) -> Option<Segment<'a>> {
        (self.has_scorers() || segment.has_own_part).then_some(segment)
    }

    /// The scorers of the blend, in order.
    pub fn opened(&self) -> Result<Vec<OpenedScorer<'_>>> {
        let scorers = self.decided.blend.0.iter().filter_map(|own| Some((named(&own.scorer)?, own)));
        let open = |(method, Weight { scorer, weight, .. }): (&'static dyn Method, &Weight)| {
            Ok(OpenedScorer { method, fitted: method.open(&self.sections(scorer)?)?, weight: *weight })
        };
        scorers.map(open).collect()
    }

    /// The version as a segment sees it, with the factors only if the scorers read them.
    fn view_of<'a>(
        &'a self,
        scorers: &[OpenedScorer<'_>],
        segment: Option<Segment<'a>>,
    ) -> Result<SegmentView<'a>> {
        let view = match have_factors(scorers) {
            true => self.view(segment)?,
            false => SegmentView { items: self.item_ids().len(), ..SegmentView::default() },
        };
        Ok(SegmentView { own_part: segment.and_then(|segment| segment.own_part()), ..view })
    }

    /// The scorers for users of a segment; `None` if the version ranks by popularity.
    pub fn scorers<'a>(&'a self, segment: Option<Segment<'a>>) -> Result<Option<SegmentScorers<'a>>> {
        if !self.has_scorers() {
            return Ok(None);
        }
        let scorers = self.opened()?;
        let by_factors = have_factors(&scorers);
        let blend = &self.decided.blend;
        let popular = segment.filter(|_| by_factors).map_or(&[][..], |segment| segment.popular.own());
        let view = self.view_of(&scorers, segment)?;
        Ok(Some(SegmentScorers { scorers, blend, view, recent: self.recent()?, popular }))
    }
}

/// Whether any of the scorers has taste factors.
fn have_factors(scorers: &[OpenedScorer<'_>]) -> bool {
    scorers.iter().any(|own| own.method.has_taste_factors())
}

/// The score as it is shown to users, by the first of the scorers.
fn shown(scorers: &[OpenedScorer<'_>], score: f32) -> f32 {
    scorers.first().map_or(score, |first| first.fitted.shown(score))
}

impl<'a> SegmentScorers<'a> {
    /// The blended scorers for one user.
    pub fn blended<'b>(&'b self, user: KnownUser<'b>, scratch: &'b RefCell<NeighbourScratch>) -> Blended<'b> {
        let view = SegmentView { recent: self.recent.as_deref(), ..self.view };
        let part = |own: &'b OpenedScorer<'a>| Part {
            scorer: own.fitted.scorer(view, user, scratch),
            weight: own.weight,
        };
        Blended { parts: self.scorers.iter().map(part).collect(), popular: self.popular }
    }

    /// What a scorer of the blend makes of a user, if one does that.
    pub fn representation(&self, user: KnownUser<'_>) -> Option<Vec<f32>> {
        self.scorers.iter().find_map(|own| own.fitted.representation(self.view, user))
    }

    /// The scorers, in the order of the blend.
    pub fn each(&self) -> &[OpenedScorer<'a>] {
        &self.scorers
    }

    /// The item factors, if nothing else is scored; the lists of many users can then be computed by matrix products.
    pub fn only_factors(&self) -> Option<ItemRows<'a>> {
        (have_factors(&self.scorers) && self.blend.is_single()).then_some(self.view.factors.rows)
    }

    /// The score as it is shown to users.
    pub fn shown(&self, score: f32) -> f32 {
        shown(&self.scorers, score)
    }

    /// The source of items recommended to users of the training.
    pub fn source(&self) -> Source {
        match self.scorers.first().map(|first| first.method.source()) {
            Some(Source::Backbone) if self.view.factors.rows.own.is_some() => Source::Segment,
            Some(source) => source,
            None => Source::Popular,
        }
    }
}

/// Scores one item for many users of the training, who must be ordered by segment.
pub struct ItemScorer<'a> {
    version: &'a ServedVersion,
    item: u32,
    scorers: Vec<OpenedScorer<'a>>,
    /// For each of `scorers`, the weight that every item adds to this one, if scores are sums of weights.
    columns: Vec<Option<Vec<f32>>>,
    /// The last segment, and the version as it sees it.
    view: (Option<i32>, SegmentView<'a>),
    /// What is popular now, if the blend has it.
    recent: Option<Arc<RecentCounts>>,
    /// The seconds since the latest event of the training.
    age: f32,
}

impl<'a> ItemScorer<'a> {
    /// Prepares the scorers of a version for an item.
    pub fn new(version: &'a ServedVersion, item: u32) -> Result<Self> {
        let scorers = version.opened()?;
        let columns = scorers.iter().map(|own| own.fitted.column(item)).collect();
        let recent = version.recent()?;
        let (view, age) = ((None, SegmentView::default()), version.age());
        Ok(Self { version, item, scorers, columns, view, recent, age })
    }

    /// The score of the item for a user; `None` if none of their items contributes.
    pub fn score(&mut self, member: &Member) -> Result<Option<f32>> {
        if self.view.0 != Some(member.segment) {
            let number = self.version.segment_number(member.segment)?;
            let segment = self.version.segment(number)?;
            self.view = (Some(member.segment), self.version.view_of(&self.scorers, Some(segment))?);
        }
        let Member { items, factors, ranks, repeats, row, .. } = member;
        let row = row.view();
        let weights = self.version.decided.order.history_weights(ranks);
        let weights = weights.as_deref();
        let repeats = &aged(repeats, self.age);
        let known = KnownUser { items, factors, weights, ranks, repeats, row, ..KnownUser::default() };
        let (mut score, mut says_something) = (0.0, false);
        for (OpenedScorer { method, fitted, weight }, column) in self.scorers.iter().zip(&self.columns) {
            let own = match column {
                Some(column) => {
                    let own = |(place, item): (usize, &u32)| {
                        let weight = weights.map_or(1.0, |weights| weights[place]);
                        column.get(*item as usize).map(|own| weight * own)
                    };
                    items.iter().enumerate().filter_map(own).sum::<f32>()
                }
                None => {
                    let view = SegmentView { recent: self.recent.as_deref(), ..self.view.1 };
                    let scores = fitted.scorer(view, known, &self.version.scratch).scores(&[self.item]);
                    scores.first().copied().unwrap_or(0.0)
                }
            };
            score += weight * own;
            says_something |= method.has_taste_factors() || own != 0.0;
        }
        Ok(says_something.then_some(score))
    }

    /// The score as it is shown to users.
    pub fn shown(&self, score: f32) -> f32 {
        shown(&self.scorers, score)
    }
}
