//! The users most likely to want an item: all users of the training, ranked by the item's score.
//!
//! One batch of users is in memory at a time. A user costs a product of length k and a scan of their items.

use super::ids::{check_item_kind, item_numbers};
use super::scorers::ItemScorer;
use super::session;
use crate::catalog::versions::members;
use crate::error::{Result, SegrecError};
use segrec_engine::interactions::{Id, IdKind};
use segrec_engine::ranking::TopN;

/// The ids and scores of the users most likely to want an item, as of the training; empty if the version does not know
/// the item. Users without events have no score. Ties go to the user stored first.
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
    if !version.has_scorers() {
        return Err(SegrecError::RanksByPopularity { model: model.name.clone() });
    }
    let Some(&item) = item_numbers(&version, &[item]).first() else {
        return Ok(Vec::new());
    };
    let mut scorer = ItemScorer::new(&version, item)?;
    let mut top = TopN::new(n);
    members::each(version.id(), |member| {
        let left_out = member.factors.is_empty() || exclude_seen && member.has(item);
        if !left_out && let Some(score) = scorer.score(member)? {
            top.push(member.place, score);
        }
        Ok(())
    })?;
    version.members.check_there()?;
    let found = top.finish();
    let places: Vec<u32> = found.iter().map(|scored| scored.item).collect();
    let scores = found.iter().map(|scored| scorer.shown(scored.score));
    Ok(members::ids(version.id(), &places)?.into_iter().zip(scores).collect())
}
