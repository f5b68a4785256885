//! Later items in lists.

use super::later_items::LaterItems;
use super::recommended::Recommended;
use super::version::ServedVersion;
use crate::catalog::sources::later_rows::LaterRows;
use crate::error::Result;
use segrec_engine::interactions::Id;
use segrec_engine::ranking::{Blended, Scored, TopN};
use std::rc::Rc;

/// Later items, and the reader that tells whether they are still there.
pub type Met = (Rc<LaterItems>, Rc<LaterRows>);

/// A later item that is still there, and its place; `None` if there is none with this id, or the caller may not read it.
pub fn find_later(version: &ServedVersion, item: Id<'_>) -> Result<Option<(Rc<LaterItems>, usize)>> {
    let Some((later, reader)) = version.later_items()? else { return Ok(None) };
    Ok(match later.find(item).map(|place| place as usize) {
        Some(place) if reader.has(later.id(place))? => Some((later, place)),
        _ => None,
    })
}

/// The best later items, numbered after those of the version: only candidates, if there are any, and none whose place the
/// user `has`.
pub fn best_later(
    version: &ServedVersion,
    later: &LaterItems,
    blended: &Blended<'_>,
    (candidates, has): (Option<&[Id<'_>]>, &dyn Fn(u32) -> bool),
    n: usize,
) -> Vec<Scored> {
    let first = version.item_ids().len() as u32;
    let only: Option<Vec<u32>> = candidates.map(|ids| ids.iter().filter_map(|&id| later.find(id)).collect());
    let mut top = TopN::new(n);
    for (place, score) in (0..).zip(blended.scores_of_new(later.items())) {
        if !has(place) && only.as_ref().is_none_or(|only| only.contains(&place)) {
            top.push(first + place, score);
        }
    }
    top.finish()
}

/// Merges the best of `others` into the best `n` items, both best first, after making sure that they are still there.
pub fn merge(
    items: &mut Vec<Recommended>,
    others: &[Recommended],
    n: usize,
    is_there: &dyn Fn(u32) -> Result<bool>,
) -> Result<()> {
    for other in others {
        let place = items.partition_point(|better| better.score >= other.score);
        if place >= n {
            break;
        }
        if is_there(other.item)? {
            items.insert(place, other.clone());
            items.truncate(n);
        }
    }
    Ok(())
}
