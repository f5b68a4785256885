//! Instantiates the scorers of a version on its mapped rows. Lists and audiences need not know any scorer by name.

use super::version::{Segment, ServedVersion};
use crate::catalog::versions::members::Member;
use crate::error::Result;
use segrec_engine::Rows;
use segrec_engine::linalg::vector::dot;
use segrec_engine::ranking::blended::Weight;
use segrec_engine::ranking::{Blend, Blended, Part, Source};
use segrec_engine::scorers::factors::coded::CodedRows;
use segrec_engine::scorers::factors::{FactorScorer, FoldIn, ItemRows};
use segrec_engine::scorers::method::KnownUser;
use segrec_engine::scorers::neighbours::NeighbourScratch;
use segrec_engine::scorers::ratings::RatingScorer;
use segrec_engine::scorers::ratings::rated::Rated;
use segrec_engine::scorers::{Fitted, Scorer};
use std::cell::RefCell;

/// The scorers of a version, for the users of one segment.
pub struct SegmentScorers<'a> {
    blend: &'a Blend,
    /// In the order of the blend; `None` for scorers that use factors.
    fitted: Vec<Option<Box<dyn Fitted + 'a>>>,
    /// The factors used by those scorers.
    factors: Option<CodedRows<'a>>,
    popular: &'a [u32],
    reasons: Option<Reasons<'a>>,
}

/// Data that only explanations of factor and rating scores need.
#[derive(Clone, Copy)]
enum Reasons<'a> {
    Factors(FoldIn<'a>),
    Ratings(&'a Rated, Rows<'a>),
}

/// The person to score for.
#[derive(Clone, Copy)]
pub struct Recipient<'a> {
    /// Their factors.
    pub factors: &'a [f32],
    /// What they have.
    pub history: KnownUser<'a>,
    /// Their attributes as features of the rating model; required only for explanations.
    pub attributes: &'a [u32],
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

    /// The scorers for users of a segment; `None` if the version ranks by popularity.
    pub fn scorers<'a>(&'a self, segment: Option<Segment<'a>>) -> Result<Option<SegmentScorers<'a>>> {
        if !self.has_scorers() {
            return Ok(None);
        }
        let blend = &self.decided.blend;
        let fitted = self.fitted()?;
        let by_factors = fitted.iter().any(Option::is_none);
        let few = segment.filter(|_| blend.has("factors"));
        Ok(Some(SegmentScorers {
            blend,
            fitted,
            factors: if by_factors { Some(self.coded(segment)?) } else { None },
            popular: few.map_or(&[][..], |segment| segment.popular.own()),
            reasons: None,
        }))
    }

    /// Like [`Self::scorers`], with the data that explanations need.
    pub fn explaining_scorers<'a>(
        &'a self,
        segment: Option<Segment<'a>>,
    ) -> Result<Option<SegmentScorers<'a>>> {
        let Some(scorers) = self.scorers(segment)? else { return Ok(None) };
        let own = segment.and_then(|segment| segment.own);
        let reasons = match (&self.rated, own) {
            _ if scorers.factors.is_none() => None,
            (Some(rated), _) => Some(Reasons::Ratings(rated, self.all_patterns()?)),
            (None, Some(own)) => Some(Reasons::Factors(own.fold_in)),
            (None, None) => Some(Reasons::Factors(self.fold_in()?)),
        };
        Ok(Some(SegmentScorers { reasons, ..scorers }))
    }
}

impl<'a> SegmentScorers<'a> {
    /// The blended scorers for one person.
    pub fn blended<'b>(
        &'b self,
        person: Recipient<'b>,
        scratch: &'b RefCell<NeighbourScratch>,
    ) -> Blended<'b> {
        let part = |(Weight { weight, .. }, fitted): (&Weight, &'b Option<Box<dyn Fitted + 'a>>)| {
            let scorer = match fitted {
                Some(fitted) => fitted.scorer(person.history, scratch),
                None => self.by_factors(person)?,
            };
            Some(Part { scorer, weight: *weight })
        };
        let parts = self.blend.0.iter().zip(&self.fitted).filter_map(part);
        Blended { parts: parts.collect(), popular: self.popular }
    }

    fn by_factors<'b>(&'b self, person: Recipient<'b>) -> Option<Box<dyn Scorer + 'b>> {
        let Recipient { factors: user, history, attributes } = person;
        let CodedRows { exact: rows, backbone, own } = self.factors?;
        let fold_in = match self.reasons {
            Some(Reasons::Factors(fold_in)) => Some(fold_in),
            _ => None,
        };
        let (codes, history) = (Some([backbone, own]), (history.items, history.confidences));
        let factors = FactorScorer { user, rows, codes, history, fold_in };
        Some(match self.reasons {
            Some(Reasons::Ratings(rated, patterns)) => {
                Box::new(RatingScorer { factors, rated, patterns, attributes })
            }
            _ => Box::new(factors),
        })
    }

    /// The item factors, if nothing else is scored; the lists of many users can then be computed by matrix products.
    pub fn only_factors(&self) -> Option<ItemRows<'a>> {
        self.factors.filter(|_| self.blend.is_single()).map(|coded| coded.exact)
    }

    /// The source of items recommended to users of the training.
    pub fn source(&self) -> Source {
        if self.blend.has("ratings") {
            Source::Rating
        } else if !self.blend.has("factors") {
            Source::Neighbours
        } else if self.factors.is_some_and(|coded| coded.exact.own.is_some()) {
            Source::Segment
        } else {
            Source::Backbone
        }
    }
}

/// Scores one item for many users of the training, who must be ordered by segment.
pub struct ItemScorer<'a> {
    version: &'a ServedVersion,
    item: u32,
    /// As in [`SegmentScorers`].
    fitted: Vec<Option<Box<dyn Fitted + 'a>>>,
    /// For each of `fitted`, the weight that every item adds to this one, if scores are sums of weights.
    columns: Vec<Option<Vec<f32>>>,
    /// The factors of the item as the last segment sees them.
    row: (Option<i32>, Vec<f32>),
}

impl<'a> ItemScorer<'a> {
    /// Prepares the scorers of a version for an item.
    pub fn new(version: &'a ServedVersion, item: u32) -> Result<Self> {
        let fitted = version.fitted()?;
        let columns = fitted.iter().map(|fitted| fitted.as_ref()?.column(item)).collect();
        Ok(Self { version, item, fitted, columns, row: (None, Vec::new()) })
    }

    /// The score of the item for a user; `None` if none of their items contributes.
    pub fn score(&mut self, member: &Member) -> Result<Option<f32>> {
        if self.row.0 != Some(member.segment) && self.fitted.iter().any(Option::is_none) {
            let number = self.version.segment_number(member.segment)?;
            let rows = self.version.item_rows(Some(self.version.segment(number)?))?;
            self.row = (Some(member.segment), rows.row(self.item).to_vec());
        }
        let (mut score, mut says_something) = (0.0, false);
        let scorers = self.fitted.iter().zip(&self.columns);
        for (Weight { weight, .. }, (fitted, column)) in self.version.decided.blend.0.iter().zip(scorers) {
            let own = match (fitted, column) {
                (None, _) => dot(&member.factors, &self.row.1),
                (_, Some(column)) => {
                    member.items.iter().filter_map(|item| column.get(*item as usize)).sum::<f32>()
                }
                (Some(fitted), None) => {
                    let known = KnownUser { items: &member.items, ..KnownUser::default() };
                    fitted
                        .scorer(known, &self.version.scratch)
                        .scores(&[self.item])
                        .first()
                        .copied()
                        .unwrap_or(0.0)
                }
            };
            score += weight * own;
            says_something |= fitted.is_none() || own != 0.0;
        }
        Ok(says_something.then_some(score))
    }
}
