//! The scorers of a version: where the rows lie that each reads. No other file of serving knows which scorers there are.

use super::cache::file::MappedNeighbours;
use super::version::{Segment, ServedVersion};
use crate::catalog::versions::members::Member;
use crate::error::Result;
use segrec_engine::Rows;
use segrec_engine::linalg::vector::dot;
use segrec_engine::ranking::blended::Weight;
use segrec_engine::ranking::{Blend, Blended, Part, Source};
use segrec_engine::scorers::Scorer;
use segrec_engine::scorers::factors::coded::Codes;
use segrec_engine::scorers::factors::{FactorScorer, FoldIn, ItemRows};
use segrec_engine::scorers::neighbours::{NeighbourRows, NeighbourScorer, NeighbourScratch};
use segrec_engine::scorers::ratings::RatingScorer;
use segrec_engine::scorers::ratings::rated::Rated;
use std::cell::RefCell;

/// What a version scores the people of a segment with.
#[derive(Clone, Copy)]
pub struct SegmentScorers<'a> {
    blend: &'a Blend,
    rows: ItemRows<'a>,
    codes: [Codes<'a>; 2],
    fold_in: Option<FoldIn<'a>>,
    neighbours: Option<MappedNeighbours<'a>>,
    rated: Option<(&'a Rated, Rows<'a>)>,
    popular: &'a [u32],
    has_own_factors: bool,
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

    /// The scorers of the people of a segment; none where the version ranks by what is popular.
    pub fn scorers<'a>(&'a self, segment: Option<Segment<'a>>) -> Result<Option<SegmentScorers<'a>>> {
        if !self.has_scorers() {
            return Ok(None);
        }
        let blend = &self.decided.blend;
        let coded = self.coded(segment)?;
        let own = segment.and_then(|segment| segment.own);
        let fold_in = match own {
            _ if self.rated.is_some() => None,
            Some(own) => Some(own.fold_in),
            None => Some(self.fold_in()?),
        };
        let rated = match &self.rated {
            Some(rated) => Some((rated, self.all_patterns()?)),
            None => None,
        };
        let few = segment.filter(|_| blend.has("factors"));
        Ok(Some(SegmentScorers {
            blend,
            rows: coded.exact,
            codes: [coded.backbone, coded.own],
            fold_in,
            neighbours: if blend.has("neighbours") { Some(self.neighbours()?) } else { None },
            rated,
            popular: few.map_or(&[][..], |segment| segment.popular.own()),
            has_own_factors: own.is_some(),
        }))
    }
}

impl<'a> SegmentScorers<'a> {
    /// What they say for one person.
    pub fn blended(&self, person: Recipient<'a>, scratch: &'a RefCell<NeighbourScratch>) -> Blended<'a> {
        let part = |Weight { scorer, weight, .. }: &Weight| {
            let (items, confidences) = (person.items, person.confidences);
            let factors = FactorScorer {
                user: person.factors,
                rows: self.rows,
                codes: Some(self.codes),
                history: (items, confidences),
                fold_in: self.fold_in,
            };
            let scorer: Box<dyn Scorer + 'a> = match (scorer.as_str(), self.neighbours, self.rated) {
                ("neighbours", Some(rows), _) => {
                    Box::new(NeighbourScorer { rows, history: items, shares: person.shares, scratch })
                }
                ("ratings", _, Some((rated, patterns))) => {
                    Box::new(RatingScorer { factors, rated, patterns, attributes: person.attributes })
                }
                _ => Box::new(factors),
            };
            Part { scorer, weight: *weight }
        };
        Blended { parts: self.blend.0.iter().map(part).collect(), popular: self.popular }
    }

    /// The factors that people are scored against, where nothing else scores them: lists of many people are then
    /// products of matrices.
    pub fn only_factors(&self) -> Option<ItemRows<'a>> {
        let by_factors = self.blend.has("factors") || self.blend.has("ratings");
        (self.blend.is_single() && by_factors).then_some(self.rows)
    }

    /// Where the items of people of the training come from.
    pub fn source(&self) -> Source {
        if self.blend.has("ratings") {
            Source::Rating
        } else if !self.blend.has("factors") {
            Source::Neighbours
        } else if self.has_own_factors {
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
