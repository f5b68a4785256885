//! The scorers of a version: where the rows lie that each reads. Lists and audiences know no scorer by its name.

use super::cache::file::MappedNeighbours;
use super::version::{Segment, ServedVersion};
use crate::catalog::versions::members::Member;
use crate::error::Result;
use segrec_engine::Rows;
use segrec_engine::linalg::vector::dot;
use segrec_engine::ranking::blended::Weight;
use segrec_engine::ranking::{Blend, Blended, Part, Source};
use segrec_engine::scorers::Scorer;
use segrec_engine::scorers::factors::coded::CodedRows;
use segrec_engine::scorers::factors::{FactorScorer, FoldIn, ItemRows};
use segrec_engine::scorers::neighbours::{NeighbourRows, NeighbourScorer, NeighbourScratch};
use segrec_engine::scorers::ratings::RatingScorer;
use segrec_engine::scorers::ratings::rated::Rated;
use std::cell::RefCell;

/// What a version scores the people of a segment with: of each scorer of its blend the rows that it reads.
#[derive(Clone, Copy)]
pub struct SegmentScorers<'a> {
    blend: &'a Blend,
    factors: Option<CodedRows<'a>>,
    neighbours: Option<MappedNeighbours<'a>>,
    popular: &'a [u32],
    reasons: Option<Reasons<'a>>,
}

/// What explains scores of factors and of ratings; lists do not read it.
#[derive(Clone, Copy)]
enum Reasons<'a> {
    Factors(FoldIn<'a>),
    Ratings(&'a Rated, Rows<'a>),
}

/// Somebody who is scored.
#[derive(Clone, Copy)]
pub struct Recipient<'a> {
    /// Their factors.
    pub factors: &'a [f32],
    /// The items that count of what they have, ascending.
    pub items: &'a [u32],
    /// The confidences of these; needed for explanations only.
    pub confidences: &'a [f32],
    /// How much each of these counts, where not all count 1.
    pub shares: Option<&'a [f32]>,
    /// What else is known of them, as features of ratings; needed for explanations only.
    pub attributes: &'a [u32],
}

impl ServedVersion {
    /// Whether anything but popularity ranks.
    pub fn has_scorers(&self) -> bool {
        !self.decided.blend.has("popularity")
    }

    /// The segment whose popular items fill the lists of those whom the gate measured: where popularity ranks, none that it
    /// refused.
    pub fn filling<'a>(&self, segment: Segment<'a>) -> Option<Segment<'a>> {
        (self.has_scorers() || segment.has_own_part).then_some(segment)
    }

    /// The scorers of the people of a segment; none where the version ranks by what is popular.
    pub fn scorers<'a>(&'a self, segment: Option<Segment<'a>>) -> Result<Option<SegmentScorers<'a>>> {
        if !self.has_scorers() {
            return Ok(None);
        }
        let blend = &self.decided.blend;
        let by_factors = blend.has("factors") || blend.has("ratings");
        let few = segment.filter(|_| blend.has("factors"));
        Ok(Some(SegmentScorers {
            blend,
            factors: if by_factors { Some(self.coded(segment)?) } else { None },
            neighbours: if blend.has("neighbours") { Some(self.neighbours()?) } else { None },
            popular: few.map_or(&[][..], |segment| segment.popular.own()),
            reasons: None,
        }))
    }

    /// The same, for explaining what they say.
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
    /// What they say for one person.
    pub fn blended(&self, person: Recipient<'a>, scratch: &'a RefCell<NeighbourScratch>) -> Blended<'a> {
        let Recipient { factors: user, items, confidences, shares, attributes } = person;
        let part = |Weight { scorer, weight, .. }: &Weight| {
            let scorer: Box<dyn Scorer + 'a> = match (scorer.as_str(), self.neighbours, self.factors) {
                ("neighbours", Some(rows), _) => {
                    Box::new(NeighbourScorer { rows, history: items, shares, scratch })
                }
                (_, _, coded) => {
                    let CodedRows { exact: rows, backbone, own } = coded?;
                    let fold_in = match self.reasons {
                        Some(Reasons::Factors(fold_in)) => Some(fold_in),
                        _ => None,
                    };
                    let codes = Some([backbone, own]);
                    let factors = FactorScorer { user, rows, codes, history: (items, confidences), fold_in };
                    match self.reasons {
                        Some(Reasons::Ratings(rated, patterns)) => {
                            Box::new(RatingScorer { factors, rated, patterns, attributes })
                        }
                        _ => Box::new(factors),
                    }
                }
            };
            Some(Part { scorer, weight: *weight })
        };
        Blended { parts: self.blend.0.iter().filter_map(part).collect(), popular: self.popular }
    }

    /// The factors that people are scored against, where nothing else scores them: lists of many people are then
    /// products of matrices.
    pub fn only_factors(&self) -> Option<ItemRows<'a>> {
        self.factors.filter(|_| self.blend.is_single()).map(|coded| coded.exact)
    }

    /// Where the items of people of the training come from.
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

/// Scores one item for users of the training, segment by segment.
pub struct ItemScorer<'a> {
    version: &'a ServedVersion,
    item: u32,
    /// How much each item speaks for it: a column of the neighbours' weights.
    speaking: Vec<f32>,
    /// Its factors as the last segment sees them.
    row: (Option<i32>, Vec<f32>),
}

impl<'a> ItemScorer<'a> {
    /// For an item of a version.
    pub fn new(version: &'a ServedVersion, item: u32) -> Result<Self> {
        let mut speaking = Vec::new();
        if version.decided.blend.has("neighbours") {
            let neighbours = version.neighbours()?;
            let weight = |source| {
                let (named, weights) = neighbours.row(source);
                named.binary_search(&item).map_or(0.0, |place| weights[place])
            };
            speaking = (0..neighbours.items()).map(weight).collect();
        }
        Ok(Self { version, item, speaking, row: (None, Vec::new()) })
    }

    /// The score of the item for a user; none where nothing that they have speaks for it.
    pub fn score(&mut self, member: &Member) -> Result<Option<f32>> {
        let (mut score, mut says_something) = (0.0, false);
        for Weight { scorer, weight, .. } in &self.version.decided.blend.0 {
            let own = match scorer.as_str() {
                "neighbours" => {
                    let speak = |item: &u32| self.speaking.get(*item as usize);
                    let sum = member.items.iter().filter_map(speak).sum::<f32>();
                    (sum != 0.0).then_some(sum)
                }
                _ => {
                    if self.row.0 != Some(member.segment) {
                        let number = self.version.segment_number(member.segment)?;
                        let rows = self.version.item_rows(Some(self.version.segment(number)?))?;
                        self.row = (Some(member.segment), rows.row(self.item).to_vec());
                    }
                    Some(dot(&member.factors, &self.row.1))
                }
            };
            score += weight * own.unwrap_or(0.0);
            says_something |= own.is_some();
        }
        Ok(says_something.then_some(score))
    }
}
