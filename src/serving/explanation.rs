//! One item for one user: its score, and which of the user's own items speak for it.
//!
//! Factors of a user are linear in what the user has: p = A⁻¹ Σ c_i q_i, so the score p·q_j is the sum of
//! c_i q_iᵀA⁻¹q_j over their items (Hu et al. 2008, §5). What neighbours say is a sum already, and of ratings
//! the prior mean is linear in the pattern of what was rated too.

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

/// What one item of the user adds to the score of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// The user's item; none for what stays without any.
    pub item: Option<u32>,
    /// Through factors, or the rating.
    pub factors: f64,
    /// Through neighbours.
    pub neighbours: f64,
}

/// A user, an item and the version that knows them.
struct Pair {
    version: Rc<ServedVersion>,
    person: Person,
    item: u32,
}

/// Finds both; none where the version does not know the item.
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

/// The score of an item for a user, whether they have it or not; none for an item that the version does not
/// know.
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

/// What of a user's own items speaks for another, the most first; the version gives ids to numbers.
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
        // Nothing that the user has speaks for it.
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

/// The items most like another: its strongest neighbours, or where a version has none those whose factors
/// point the same way (cosine).
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
