//! Explains one item for one user: its score, and what each of the user's own items contributes to it.
//!
//! A user's factors are linear in the user's items: p = A⁻¹ Σ c_i q_i. So the score p·q_j is the sum of c_i q_iᵀA⁻¹q_j
//! over these items (Hu et al. 2008, §5). Scores of neighbours are sums anyway, and the prior mean of ratings is linear
//! in the pattern of rated items.

use super::ids::{check_item_kind, item_numbers, user_id};
use super::recommendation::{Person, Request, answer, find_person, stranger};
use super::recommended::Recommended;
use super::session;
use super::variety::Variety;
use super::version::ServedVersion;
use crate::error::Result;
use crate::pg::process::workers::run_alone;
use segrec_engine::interactions::{Id, IdKind};
use segrec_engine::linalg::vector::{dot, norm};
use segrec_engine::ranking::blended::Weight;
use segrec_engine::ranking::{Scored, TopN};
use segrec_engine::scorers::Contributions;
use std::rc::Rc;

/// What one of the user's items adds to the score of another item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// The user's item; `None` for the part that does not depend on any.
    pub item: Option<u32>,
    /// The contribution through factors or ratings.
    pub factors: f64,
    /// The contribution through neighbours.
    pub neighbours: f64,
}

/// A user, an item, and the version that scores them.
struct Pair {
    version: Rc<ServedVersion>,
    person: Person,
    item: u32,
}

/// Looks up both; `None` if the version does not know the item.
fn pair(user: Id<'_>, item: Id<'_>, kind: IdKind, model: Option<&str>) -> Result<Option<Pair>> {
    let model = session::model(model)?;
    check_item_kind(kind, &model)?;
    let user = user_id(user, &model)?;
    let version = session::version(&model)?;
    let Some(&item) = item_numbers(&version, &[item]).first() else {
        return Ok(None);
    };
    let person = match user {
        Some(user) => find_person(&version, user)?,
        None => stranger(&version)?,
    };
    Ok(Some(Pair { version, person, item }))
}

/// The score of an item for a user, whether or not they have it; `None` if the version does not know the item.
pub fn predict(user: Id<'_>, item: Id<'_>, kind: IdKind, model: Option<&str>) -> Result<Option<f32>> {
    let Some(Pair { version, person, .. }) = pair(user, item, kind, model)? else {
        return Ok(None);
    };
    let request = Request {
        n: 1,
        model,
        candidates: Some(vec![item]),
        exclude_seen: false,
        variety: Variety::default(),
    };
    let found = answer(version, &person, &request)?;
    Ok(found.items.first().map(|item: &Recommended| item.score))
}

/// What each of a user's own items adds to the score of another item, largest first. Ids are resolved with the returned
/// version.
pub fn explain(
    user: Id<'_>,
    item: Id<'_>,
    kind: IdKind,
    model: Option<&str>,
) -> Result<Option<(Rc<ServedVersion>, Vec<Reason>)>> {
    let Some(Pair { version, person, item: target }) = pair(user, item, kind, model)? else {
        return Ok(None);
    };
    let items = &person.history.items;
    let segment = person.segment.map(|segment| version.segment(segment)).transpose()?;
    if person.factors.is_none() || !version.has_scorers() {
        // None of the user's items contributes.
        let score = predict(user, item, kind, model)?;
        let reasons =
            score.into_iter().map(|score| Reason { item: None, factors: f64::from(score), neighbours: 0.0 });
        let reasons = reasons.collect();
        return Ok(Some((version, reasons)));
    }
    let Some(scorers) = version.explaining_scorers(segment)? else { return Ok(None) };
    let attributes = version.attributes_of_text(user)?;
    let blended = scorers.blended(person.recipient(&attributes), &version.scratch);
    let mut reasons: Vec<Reason> =
        items.iter().map(|&item| Reason { item: Some(item), factors: 0.0, neighbours: 0.0 }).collect();
    let mut rest = Reason { item: None, factors: 0.0, neighbours: 0.0 };
    let parts = run_alone(|observer| blended.contributions(target, observer));
    for (Weight { scorer, .. }, Contributions { base, of_items }) in version.decided.blend.0.iter().zip(parts)
    {
        let is_neighbours = scorer == "neighbours";
        let add = |reason: &mut Reason, value: f64| {
            *(if is_neighbours { &mut reason.neighbours } else { &mut reason.factors }) += value;
        };
        add(&mut rest, base);
        reasons.iter_mut().zip(of_items).for_each(|(reason, value)| add(reason, value));
    }
    let total = |reason: &Reason| reason.factors + reason.neighbours;
    if total(&rest) != 0.0 {
        reasons.push(rest);
    }
    reasons.retain(|reason| reason.item.is_none() || total(reason) != 0.0);
    reasons.sort_by(|a, b| total(b).total_cmp(&total(a)).then(a.item.cmp(&b.item)));
    drop(blended);
    drop(scorers);
    Ok(Some((version, reasons)))
}

/// The most similar items: the strongest neighbours or, if the version has none, the items with the highest cosine of
/// factors.
pub fn similar_items(
    item: Id<'_>,
    kind: IdKind,
    n: usize,
    model: Option<&str>,
) -> Result<(Rc<ServedVersion>, Vec<Scored>)> {
    let model = session::model(model)?;
    check_item_kind(kind, &model)?;
    let version = session::version(&model)?;
    let Some(&item) = item_numbers(&version, &[item]).first() else {
        return Ok((version, Vec::new()));
    };
    let mut top = TopN::new(n);
    let fitted = version.fitted()?;
    if let Some((items, weights)) = fitted.iter().flatten().find_map(|fitted| fitted.similar(item)) {
        items.iter().zip(weights).for_each(|(&item, &weight)| top.push(item, weight));
        let items = top.finish();
        drop(fitted);
        return Ok((version, items));
    }
    drop(fitted);
    let factors = version.backbone()?;
    let k = version.tastes(factors.columns());
    let own = &factors.row(item as usize)[..k];
    let own_norm = norm(own);
    for other in (0..factors.rows() as u32).filter(|&other| other != item) {
        let row = &factors.row(other as usize)[..k];
        let norms = own_norm * norm(row);
        if norms > 0.0 {
            top.push(other, (dot(own, row) / norms).clamp(-1.0, 1.0));
        }
    }
    let items = top.finish();
    Ok((version, items))
}
