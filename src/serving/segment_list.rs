//! Recommendations for a segment: items ranked by their mean score over its members.
//!
//! A score is linear in a user's factors and history, so the mean score is the score of the mean member: the mean of
//! the factors, and a history in which each item has the mean of its weights in the histories of members.

use super::filling::fill_with_popular;
use super::ids::listed_numbers;
use super::later_list::{best_later, merge};
use super::pages::Pages;
use super::pinned::{allowed_pins, scored_pins, with_pinned};
use super::recommendation::Recommendation;
use super::recommended::Recommended;
use super::requirements::required_groups;
use super::rescoring::Reach;
use super::reservation::reserve;
use super::rules::active_rules;
use super::scorers::SegmentScorers;
use super::selection::{Selection, among, every, union};
use super::session;
use super::shelf::Shelf;
use super::version::ServedVersion;
use crate::catalog::versions::members::{self, Member};
use crate::error::{Result, SegrecError};
use crate::pg::process::workers::look;
use segrec_engine::ranking::{Scored, Source};
use segrec_engine::scorers::method::{KnownUser, UserRow};

/// The maximum number of members that are averaged; larger segments are sampled at equal distances. A sample has at
/// least 5,000 members, whose mean is within 1.4 % of the members' standard deviation.
const MOST_MEMBERS: usize = 10_000;

/// Recommends items to a segment, given by id.
pub fn recommend_segment(
    segment: i32,
    n: usize,
    model: Option<&str>,
    selection: &Selection<'_>,
) -> Result<Recommendation> {
    let model = session::model(model)?;
    let version = session::version(&model)?;
    let Ok(number) = version.members.ids.binary_search(&segment) else {
        let existing = version.members.ids.clone();
        return Err(SegrecError::UnknownSegment { model: model.name.clone(), segment, existing });
    };
    let rows = version.segment(number as u32)?;
    let later = version.later_items()?;
    let rules = active_rules(&version, Some(&model), Some(segment))?;
    let excluded = selection.excluded(&version);
    let out = union(&excluded, &rules.blocked);
    let left_out = version.left_out(&out);
    let ids = selection.candidates.as_deref();
    let listed = ids.map(|ids| listed_numbers(&version, ids, &out));
    let pins = allowed_pins(&rules, &left_out, listed.as_deref());
    let first = version.item_ids().len();
    let id = |item: u32| match &later {
        Some((later, _)) if item as usize >= first => later.id(item as usize - first),
        _ => version.item_ids().get(item as usize),
    };
    let mut shelf = Shelf::new(&version, Some(&model), selection.max_per_group, &rules, &id)?;
    let scorers = version.scorers(Some(rows))?;
    let mean = match &scorers {
        Some(scorers) => MeanMember::of(&version, segment, scorers)?,
        None => None,
    };
    let scored = scorers.as_ref().zip(mean.as_ref());
    let filling = version.filling(rows);
    // The best items, with those that came later.
    let best = |only: Option<&[u32]>, left_out: &[u32], with_later: bool, count: usize, is_new: bool| {
        let Some((scorers, mean)) = scored else { return Ok(Vec::new()) };
        let source = scorers.source();
        let shown = |Scored { item, score }| Recommended {
            item,
            score: scorers.shown(score),
            source: version.source_of(item, source),
        };
        let blended = scorers.blended(mean.known(), &version.scratch);
        let found = match is_new {
            true => version.best_new(&blended, left_out, only, count),
            false => blended.best(left_out, only, count),
        };
        let mut items: Vec<Recommended> = found.into_iter().map(shown).collect();
        if let Some((later, reader)) = later.as_ref().filter(|_| with_later) {
            let out: Vec<u32> = selection.exclude.iter().filter_map(|id| later.find(*id)).collect();
            let is_out = |place| out.contains(&place) || rules.blocks_unknown(later.id(place as usize));
            let best = best_later(&version, later, &blended, (ids, &is_out), count);
            let found: Vec<Recommended> = best
                .into_iter()
                .map(|scored| Recommended { source: Source::NewItem, ..shown(scored) })
                .collect();
            merge(&mut items, &found, count, &|item| reader.has(id(item)))?;
        }
        Ok::<_, SegrecError>(items)
    };
    let number = |item: &Recommended| item.item;
    let ranked = |only: Option<&[u32]>, left_out: &[u32], with_later: bool, count: usize| {
        let mut items = best(only, left_out, with_later, count, false)?;
        fill_with_popular(&mut items, &version, filling.as_ref(), left_out, only, count)?;
        Ok(items)
    };
    let (mut pinned, places) =
        scored_pins(&pins, |places| ranked(Some(places), &left_out, false, places.len()))?;
    shelf.pin(&mut pinned)?;
    // The others are ranked without them, whether or not they may be shown.
    let left_out = union(&left_out, &places);
    let candidates = listed.map(|mut listed| {
        listed.retain(|item| places.binary_search(item).is_err());
        listed
    });
    let candidates = candidates.as_deref();
    let wanted = n.saturating_add(if n > 0 { selection.skip } else { 0 });
    let ranks_all =
        || scored.is_some_and(|(own, mean)| own.blended(mean.known(), &version.scratch).ranks_all());
    let reaching = |reach: Reach<'_>, count: usize| {
        Ok(match reach {
            Reach::List => Some(ranked(candidates, &left_out, true, count)?),
            Reach::Only(items) if scored.is_some() => {
                Some(best(Some(&among(items, candidates)), &left_out, false, count, false)?)
            }
            Reach::All if candidates.is_none() && scored.is_some() && !ranks_all() => {
                Some(best(Some(&every(first)?), &left_out, false, count, false)?)
            }
            Reach::Only(_) | Reach::All => None,
        })
    };
    let items = shelf.choose(wanted, |_| true, reaching)?;
    let reserved = version.reserved(n);
    let new = match reserved {
        0 => Vec::new(),
        _ => {
            let all = reserved.saturating_mul(1 + selection.skip.div_ceil(n.max(1)));
            let best_new = |reach: Reach<'_>, count: usize| match reach {
                Reach::List => best(candidates, &left_out, true, count, true).map(Some),
                Reach::Only(_) | Reach::All => Ok(None),
            };
            shelf.choose(all, |_| true, best_new)?
        }
    };
    let page = |pages: &mut Pages| -> Result<Vec<Recommended>> {
        let pool = pages.pool(n);
        let mut page = pool.clone();
        let new = shelf.fitting(&page, pages.new.clone(), number)?;
        reserve(&mut page, new, reserved, n);
        pages.finish(&shelf, pool, page, n)
    };
    let of_named =
        |named: &[u32], count: usize| ranked(Some(&among(named, candidates)), &left_out, false, count);
    let groups = required_groups(&shelf, &rules, (n, selection.skip), of_named, reaching)?;
    let mut pages = Pages { items: items.into(), new, groups, ..Pages::default() };
    let items = match pinned.is_empty() || !rules.required.is_empty() {
        true => {
            pages.pinned = pinned;
            pages.after(selection.skip, n, page)?
        }
        false => with_pinned(pages.after(0, wanted, page)?, pinned, selection.skip, wanted),
    };
    drop((shelf, scorers));
    let later = later.map(|(later, _)| later);
    Ok(Recommendation { version, later, skip: selection.skip, items })
}

/// The mean of the members of a segment who have events.
struct MeanMember {
    factors: Vec<f32>,
    /// The items that any of them has, ascending.
    items: Vec<u32>,
    /// The mean weight of each item: the share of members who have it, unless their order counts.
    weights: Vec<f32>,
    /// The mean of the rows that a scorer keeps for members.
    row: (Vec<u32>, Vec<f32>),
    /// The mean of what a scorer makes of members; empty if none does.
    representation: Vec<f32>,
}

impl MeanMember {
    /// Averages the members of a segment; `None` if none has events.
    fn of(version: &ServedVersion, segment: i32, scorers: &SegmentScorers<'_>) -> Result<Option<Self>> {
        let places = members::places_of_segment(version.id(), segment)?;
        let step = places.len().div_ceil(MOST_MEMBERS).max(1);
        let places: Vec<i32> = places.step_by(step).collect();
        let mut factors = vec![0.0f64; version.factors()];
        let (mut sums, mut of_rows) = (vec![0.0f64; version.item_ids().len()], Vec::new());
        let mut represented = Vec::new();
        let mut users = 0u32;
        for places in places.chunks(members::BATCH as usize) {
            for member in members::at_places(version.id(), segment, places)? {
                if member.factors.is_empty() {
                    continue;
                }
                users += 1;
                factors.iter_mut().zip(&member.factors).for_each(|(sum, &value)| *sum += f64::from(value));
                let weights = version.decided.order.history_weights(&member.ranks);
                for (place, &item) in member.items.iter().enumerate() {
                    sums[item as usize] += weights.as_ref().map_or(1.0, |weights| f64::from(weights[place]));
                }
                let Member { items, ranks, .. } = &member;
                let known = KnownUser { items, ranks, ..KnownUser::default() };
                if let Some(own) = scorers.representation(known) {
                    represented.resize(own.len(), 0.0f64);
                    represented.iter_mut().zip(own).for_each(|(sum, value)| *sum += f64::from(value));
                }
                look();
                let row = member.row.view();
                if !row.items.is_empty() {
                    of_rows.resize(version.item_ids().len(), 0.0f64);
                }
                for (&item, &weight) in row.items.iter().zip(row.weights) {
                    of_rows[item as usize] += f64::from(weight);
                }
            }
        }
        let mean = |sum: f64| (sum / f64::from(users)) as f32;
        let means = |sums: Vec<f64>| -> (Vec<u32>, Vec<f32>) {
            let some = (0..).zip(sums).filter(|(_, sum)| *sum > 0.0);
            some.map(|(item, sum)| (item, mean(sum))).unzip()
        };
        let (items, weights) = means(sums);
        Ok((users > 0).then(|| Self {
            factors: factors.into_iter().map(mean).collect(),
            items,
            weights,
            row: means(of_rows),
            representation: represented.into_iter().map(mean).collect(),
        }))
    }

    /// The input of scorers.
    fn known(&self) -> KnownUser<'_> {
        let Self { factors, items, weights, row: (row_items, row_weights), representation } = self;
        let row = UserRow { items: row_items, weights: row_weights };
        KnownUser { items, factors, weights: Some(weights), row, representation, ..KnownUser::default() }
    }
}
