//! The users most likely to want an item: every user of the training by the score that the item has for them.
//!
//! A batch of users is in memory at a time. A user costs a product of length k and a look at each of their
//! items.

use super::recommendation::{check_item_kind, item_numbers};
use super::session;
use super::version::ServedVersion;
use crate::catalog::versions::members;
use crate::error::{Result, SegrecError};
use segrec_engine::interactions::{Id, IdKind};
use segrec_engine::linalg::vector::dot;
use segrec_engine::ranking::TopN;
use segrec_engine::scorers::neighbours::NeighbourRows;

/// Ids and scores of the users most likely to want an item, as of the training; none for an item that the
/// version does not know. Users without events have no score. Of users with the same score the earlier written
/// wins.
pub fn audience(
    item: Id<'_>,
    kind: IdKind,
    n: usize,
    model: Option<&str>,
    exclude_seen: bool,
) -> Result<Vec<(String, f32)>> {
    let model = session::model(model)?;
    check_item_kind(kind, &model)?;
    let version = session::version(&model)?;
    let blend = version.decided.blend;
    if !blend.factors && !blend.has_neighbours() {
        return Err(SegrecError::RanksByPopularity { model: model.name.clone() });
    }
    let Some(&item) = item_numbers(&version, &[item]).first() else {
        return Ok(Vec::new());
    };
    let speaking = if blend.has_neighbours() { speaking_for(&version, item)? } else { Vec::new() };
    let mut row = (None, Vec::new());
    let mut top = TopN::new(n);
    members::each(version.id(), |member| {
        if member.factors.is_empty() || exclude_seen && member.has(item) {
            return Ok(());
        }
        let speak = |item: &u32| speaking.get(*item as usize);
        let mut score = blend.neighbours * member.items.iter().filter_map(speak).sum::<f32>();
        if blend.factors {
            // Users lie segment by segment.
            if row.0 != Some(member.segment) {
                row = (Some(member.segment), row_in_segment(&version, member.segment, item)?);
            }
            score += dot(&member.factors, &row.1);
        } else if score == 0.0 {
            return Ok(()); // Nothing that they have speaks for it.
        }
        top.push(member.place, score);
        Ok(())
    })?;
    version.members.check_there()?;
    let found = top.finish();
    let places: Vec<u32> = found.iter().map(|scored| scored.item).collect();
    let scores = found.iter().map(|scored| version.shown(scored.score));
    Ok(members::ids(version.id(), &places)?.into_iter().zip(scores).collect())
}

/// How much each item speaks for one: a column of the neighbours' weights.
fn speaking_for(version: &ServedVersion, item: u32) -> Result<Vec<f32>> {
    let neighbours = version.neighbours()?;
    let weight = |source| {
        let (named, weights) = neighbours.row(source);
        named.binary_search(&item).map_or(0.0, |place| weights[place])
    };
    Ok((0..neighbours.items()).map(weight).collect())
}

/// The factors of an item as a segment (by its id) sees it.
fn row_in_segment(version: &ServedVersion, segment: i32, item: u32) -> Result<Vec<f32>> {
    let segment = version.segment(version.segment_number(segment)?)?;
    Ok(version.item_rows(Some(segment))?.row(item).to_vec())
}
