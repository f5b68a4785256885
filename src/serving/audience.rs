//! The users most likely to want an item: all users of the training, ranked by the item's score.
//!
//! One batch of users is in memory at a time. A user costs a product of length k and a scan of their items.

use super::ids::{check_item_kind, item_numbers, user_id};
use super::scorers::ItemScorer;
use super::session;
use crate::catalog::versions::members;
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::id_text;
use crate::pg::process::workers::look;
use segrec_engine::interactions::{Id, IdKind};
use segrec_engine::ranking::TopN;
use std::collections::HashSet;

/// The ids and scores of the users most likely to want an item, as of the training; empty if the version does not know
/// the item. Users without events have no score. Ties go to the user stored first. Only the `candidates` are ranked, if
/// given, and none of those to `exclude`.
pub fn audience(
    item: Id<'_>,
    kind: IdKind,
    n: usize,
    model: Option<&str>,
    exclude_seen: bool,
    (candidates, exclude): (Option<&[Id<'_>]>, &[Id<'_>]),
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
    let places = |ids: &[Id<'_>]| -> Result<HashSet<u32>> {
        let mut places = HashSet::with_capacity(ids.len());
        for id in ids {
            look();
            if let Some(user) = user_id(*id, &model)?
                && let Some(stored) = version.members.user(&id_text(user))?
            {
                places.insert(stored.place as u32);
            }
        }
        Ok(places)
    };
    let (only, excluded) = (candidates.map(places).transpose()?, places(exclude)?);
    let oldest = version.oldest_seen();
    let mut top = TopN::new(n);
    members::each(version.id(), |member| {
        let left_out = member.factors.is_empty()
            || exclude_seen && member.leaves_out(item, oldest)
            || excluded.contains(&member.place)
            || only.as_ref().is_some_and(|only| !only.contains(&member.place));
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
