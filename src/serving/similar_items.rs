//! The items most similar to another.

use super::ids::{check_item_kind, item_numbers};
use super::later_list::find_later;
use super::session;
use super::version::ServedVersion;
use crate::error::Result;
use segrec_engine::interactions::{Id, IdKind};
use segrec_engine::linalg::vector::{dot, norm};
use segrec_engine::ranking::{Scored, TopN};
use std::rc::Rc;

/// The most similar items that are not withdrawn: the strongest neighbours or, if the version has none, the item no
/// events, or it was inserted after the training, the items with the highest cosine of factors.
pub fn similar_items(
    item: Id<'_>,
    kind: IdKind,
    n: usize,
    model: Option<&str>,
) -> Result<(Rc<ServedVersion>, Vec<Scored>)> {
    let model = session::model(model)?;
    check_item_kind(kind, &model)?;
    let version = session::version(&model)?;
    let similar = match item_numbers(&version, &[item]).first() {
        Some(&item) => similar_to(&version, item, n)?,
        None => match find_later(&version, item)? {
            Some((later, place)) => nearest(&version, later.items().factors.row(place), None, n)?,
            None => Vec::new(),
        },
    };
    Ok((version, similar))
}

fn similar_to(version: &ServedVersion, item: u32, n: usize) -> Result<Vec<Scored>> {
    let scorers = version.opened()?;
    let similar = scorers.iter().find_map(|own| own.fitted.similar(item));
    if let Some((items, weights)) = similar.filter(|(items, _)| !items.is_empty() || !version.is_new(item)) {
        let mut top = TopN::new(n);
        let listed = items.iter().zip(weights).filter(|(item, _)| is_listed(version, **item));
        listed.for_each(|(&item, &weight)| top.push(item, weight));
        return Ok(top.finish());
    }
    let factors = version.backbone()?;
    nearest(version, factors.row(item as usize), Some(item), n)
}

fn is_listed(version: &ServedVersion, item: u32) -> bool {
    version.withdrawn().binary_search(&item).is_err()
}

/// The items, all but one, whose factors have the highest cosine with these.
fn nearest(version: &ServedVersion, own: &[f32], except: Option<u32>, n: usize) -> Result<Vec<Scored>> {
    let factors = version.backbone()?;
    let k = version.by_tastes().taste_columns(factors.columns());
    let own = &own[..k];
    let own_norm = norm(own);
    let mut top = TopN::new(n);
    let is_other = |item: &u32| Some(*item) != except && is_listed(version, *item);
    for other in (0..factors.rows() as u32).filter(is_other) {
        let row = &factors.row(other as usize)[..k];
        let norms = own_norm * norm(row);
        if norms > 0.0 {
            top.push(other, (dot(own, row) / norms).clamp(-1.0, 1.0));
        }
    }
    Ok(top.finish())
}
