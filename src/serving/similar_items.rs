//! The items most similar to another.

use super::ids::{check_item_kind, item_numbers, listed_numbers};
use super::later_list::find_later;
use super::rescoring::Reach;
use super::rules::active_rules;
use super::selection::{Selection, union};
use super::session;
use super::shelf::Shelf;
use super::version::ServedVersion;
use crate::error::Result;
use segrec_engine::interactions::{Id, IdKind};
use segrec_engine::linalg::vector::{dot, norm};
use segrec_engine::ranking::{Scored, TopN};
use std::rc::Rc;

/// The most similar items that a selection allows: the strongest neighbours or, if the version has none, the item no events,
/// or it was inserted after the training, the items with the highest cosine of factors. The list begins after those that
/// the selection skips. Rules of segments do not apply, and of the others those that block, boost or bury.
pub fn similar_items(
    item: Id<'_>,
    kind: IdKind,
    n: usize,
    model: Option<&str>,
    selection: &Selection<'_>,
) -> Result<(Rc<ServedVersion>, Vec<Scored>)> {
    let model = session::model(model)?;
    check_item_kind(kind, &model)?;
    let version = session::version(&model)?;
    let excluded = selection.excluded(&version);
    let rules = active_rules(&version, Some(&model), None)?;
    let out = union(&excluded, &rules.blocked);
    let left_out = version.left_out(&out);
    let only = selection.candidates.as_ref().map(|ids| listed_numbers(&version, ids, &out));
    let is_listed = |item: u32| {
        left_out.binary_search(&item).is_err()
            && only.as_ref().is_none_or(|only| only.binary_search(&item).is_ok())
    };
    let id = |item: u32| version.item_ids().get(item as usize);
    let shelf = Shelf::new(&version, Some(&model), selection.max_per_group, &rules, &id)?;
    let known = item_numbers(&version, &[item]).first().copied();
    let later = match known {
        Some(_) => None,
        None => find_later(&version, item)?,
    };
    let wanted = n.saturating_add(if n > 0 { selection.skip } else { 0 });
    let mut similar = shelf.choose(
        wanted,
        |_| true,
        |reach, count| match (reach, known, &later) {
            (Reach::List, Some(item), _) => similar_to(&version, item, &is_listed, count).map(Some),
            (Reach::List, None, Some((later, place))) => {
                nearest(&version, later.items().factors.row(*place), None, &is_listed, count).map(Some)
            }
            _ => Ok(None),
        },
    )?;
    similar.drain(..selection.skip.min(similar.len()));
    drop((shelf, left_out));
    Ok((version, similar))
}

fn similar_to(
    version: &ServedVersion,
    item: u32,
    is_listed: &dyn Fn(u32) -> bool,
    n: usize,
) -> Result<Vec<Scored>> {
    let scorers = version.opened()?;
    let similar = scorers.iter().find_map(|own| own.fitted.similar(item));
    if let Some((items, weights)) = similar.filter(|(items, _)| !items.is_empty() || !version.is_new(item)) {
        let mut top = TopN::new(n);
        let listed = items.iter().zip(weights).filter(|(item, _)| is_listed(**item));
        listed.for_each(|(&item, &weight)| top.push(item, weight));
        return Ok(top.finish());
    }
    let factors = version.backbone()?;
    nearest(version, factors.row(item as usize), Some(item), is_listed, n)
}

/// The items, all but one, whose factors have the highest cosine with these.
fn nearest(
    version: &ServedVersion,
    own: &[f32],
    except: Option<u32>,
    is_listed: &dyn Fn(u32) -> bool,
    n: usize,
) -> Result<Vec<Scored>> {
    let factors = version.backbone()?;
    let k = version.by_tastes().taste_columns(factors.columns());
    let own = &own[..k];
    let own_norm = norm(own);
    let mut top = TopN::new(n);
    let is_other = |item: &u32| Some(*item) != except && is_listed(*item);
    for other in (0..factors.rows() as u32).filter(is_other) {
        let row = &factors.row(other as usize)[..k];
        let norms = own_norm * norm(row);
        if norms > 0.0 {
            top.push(other, (dot(own, row) / norms).clamp(-1.0, 1.0));
        }
    }
    Ok(top.finish())
}
