//! What a version serves to the users of its training as of that training, without what they did since: for
//! measuring it on events that came later.

use super::history::History;
use super::recommendation::{Recommended, Request, answer, known_person};
use super::version::ServedVersion;
use crate::catalog::factors::StoredUser;
use crate::error::Result;
use segrec_engine::interactions::Id;
use segrec_engine::ranking::Scored;
use std::rc::Rc;

/// The `n` items that a user of the training is recommended.
pub fn list(version: &Rc<ServedVersion>, user: Id<'_>, stored: &StoredUser, n: usize) -> Result<Vec<Scored>> {
    let request = Request { n, model: None, candidates: None, exclude_seen: true };
    served(version, user, stored, &request)
}

/// The scores of some items (ascending) for a user of the training.
pub fn predictions(
    version: &Rc<ServedVersion>,
    user: Id<'_>,
    stored: &StoredUser,
    items: &[u32],
) -> Result<Vec<f32>> {
    let ids = items.iter().map(|&item| version.item_ids().get(item as usize)).collect();
    let request = Request { n: items.len(), model: None, candidates: Some(ids), exclude_seen: false };
    let mut scored = served(version, user, stored, &request)?;
    scored.sort_unstable_by_key(|scored| scored.item);
    Ok(scored.into_iter().map(|scored| scored.score).collect())
}

fn served(
    version: &Rc<ServedVersion>,
    user: Id<'_>,
    stored: &StoredUser,
    request: &Request<'_>,
) -> Result<Vec<Scored>> {
    let person = known_person(version, user, stored, History::stored(stored), false)?;
    let found = answer(Rc::clone(version), &person, request)?;
    let scored = |&Recommended { item, score, .. }: &Recommended| Scored { item, score };
    Ok(found.items.iter().map(scored).collect())
}
