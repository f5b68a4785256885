//! What a segment is recommended: the items by the mean of the scores that they have for its members.
//!
//! A score is linear in a user's factors and in what they have, so the mean of the scores is the score of the
//! mean member: of the mean of the factors, and of a history that has every item by the share of the members who
//! have it.

use super::recommendation::{Recommendation, Recommended, candidate_numbers, fill_with_popular};
use super::session;
use super::version::{Segment, ServedVersion};
use crate::catalog::versions::members;
use crate::error::{Result, SegrecError};
use segrec_engine::interactions::Id;
use segrec_engine::options::Algorithm;
use segrec_engine::ranking::blended::{best, candidates as offered};
use segrec_engine::ranking::{Scored, Source};
use segrec_engine::scorers::neighbours::NeighbourRows;

/// The most members that the mean is of; of a larger segment, members at equal distances. A mean of 5,000, which
/// is the fewest that are left of more, is within 1.4 % of the spread of the members.
const MOST_MEMBERS: usize = 10_000;

/// The items for the mean member of a segment (by its id).
pub fn recommend_segment(
    segment: i32,
    n: usize,
    model: Option<&str>,
    candidates: Option<&[Id<'_>]>,
) -> Result<Recommendation> {
    let model = session::model(model)?;
    let version = session::version(&model)?;
    let Ok(number) = version.members.ids.binary_search(&segment) else {
        let existing = version.members.ids.clone();
        return Err(SegrecError::UnknownSegment { model: model.name.clone(), segment, existing });
    };
    let rows = version.segment(number as u32)?;
    let candidates = candidates.map(|ids| candidate_numbers(&version, ids));
    let candidates = candidates.as_deref();
    let mut items: Vec<Recommended> = Vec::new();
    if let (Some(source), Some(mean)) = (source(&version, &rows), MeanMember::of(&version, segment)?) {
        let shown = |Scored { item, score }| Recommended { item, score: version.shown(score), source };
        items.extend(mean.best(&version, &rows, candidates, n)?.into_iter().map(shown));
    }
    let gated = version.decided.algorithm == Algorithm::Popularity && !rows.has_own_part;
    fill_with_popular(&mut items, &version, (!gated).then_some(&rows), &[], candidates, n);
    Ok(Recommendation { version, items })
}

/// What users of the training are ranked by in a segment; none where that is what is popular.
pub fn source(version: &ServedVersion, segment: &Segment<'_>) -> Option<Source> {
    let blend = version.decided.blend;
    match (blend.factors, blend.has_neighbours(), &segment.own) {
        _ if version.rated.is_some() => Some(Source::Rating),
        (true, _, Some(_)) => Some(Source::Segment),
        (true, _, None) => Some(Source::Backbone),
        (false, true, _) => Some(Source::Neighbours),
        (false, false, _) => None,
    }
}

/// The mean of the members of a segment who have events.
struct MeanMember {
    factors: Vec<f32>,
    /// Of every item the share of them who have it.
    shares: Vec<f32>,
}

impl MeanMember {
    /// None where no member has events.
    fn of(version: &ServedVersion, segment: i32) -> Result<Option<Self>> {
        let places = members::places_of_segment(version.id(), segment)?;
        let step = places.len().div_ceil(MOST_MEMBERS).max(1);
        let places: Vec<i32> = places.step_by(step).collect();
        let mut factors = vec![0.0f64; version.factors()];
        let mut counts = vec![0u32; version.item_ids().len()];
        let mut users = 0u32;
        for places in places.chunks(members::BATCH as usize) {
            for member in members::at_places(version.id(), segment, places)? {
                if member.factors.is_empty() {
                    continue;
                }
                users += 1;
                factors.iter_mut().zip(&member.factors).for_each(|(sum, &value)| *sum += f64::from(value));
                member.items.iter().for_each(|&item| counts[item as usize] += 1);
            }
        }
        let mean = |sum: f64| (sum / f64::from(users)) as f32;
        Ok((users > 0).then(|| Self {
            factors: factors.into_iter().map(mean).collect(),
            shares: counts.into_iter().map(|count| mean(f64::from(count))).collect(),
        }))
    }

    /// The best of the candidates, or of what members may be offered.
    fn best(
        &self,
        version: &ServedVersion,
        segment: &Segment<'_>,
        candidates: Option<&[u32]>,
        n: usize,
    ) -> Result<Vec<Scored>> {
        let blend = version.decided.blend;
        let rows = version.item_rows(Some(*segment))?;
        let sums = if blend.has_neighbours() { self.spoken_for(version)? } else { Vec::new() };
        let items = match (candidates, blend.has_neighbours(), rows.own) {
            (Some(only), _, _) => only.to_vec(),
            (None, true, _) => {
                let named: Vec<u32> =
                    (0..sums.len() as u32).filter(|&item| sums[item as usize] != 0.0).collect();
                let popular: &[u32] = if blend.factors { segment.popular.own() } else { &[] };
                offered((&named, &vec![0.0; named.len()]), &[], popular).0
            }
            (None, false, Some((items, _))) => items.to_vec(),
            (None, false, None) => (0..version.item_ids().len() as u32).collect(),
        };
        let products = if blend.factors { rows.scores(&self.factors, &items) } else { Vec::new() };
        let sums: Vec<f32> =
            items.iter().map(|&item| sums.get(item as usize).copied().unwrap_or(0.0)).collect();
        Ok(best(&items, &products, &sums, blend.neighbours, n))
    }

    /// What the neighbours of what the members have say of every item.
    fn spoken_for(&self, version: &ServedVersion) -> Result<Vec<f32>> {
        let neighbours = version.neighbours()?;
        let mut sums = vec![0.0f64; self.shares.len()];
        for (source, &share) in self.shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let (targets, weights) = neighbours.row(source);
            for (&target, &weight) in targets.iter().zip(weights) {
                sums[target as usize] += f64::from(share) * f64::from(weight);
            }
        }
        Ok(sums.into_iter().map(|sum| sum as f32).collect())
    }
}
