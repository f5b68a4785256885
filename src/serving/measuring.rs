//! What a version serves to the users of its training as of that training, without what they did since: for
//! measuring it on events that came later.

use super::history::History;
use super::recommendation::{Recommended, Request, answer, known_person};
use super::version::ServedVersion;
use crate::catalog::factors::StoredUser;
use crate::error::Result;
use segrec_engine::Matrix;
use segrec_engine::interactions::Id;
use segrec_engine::ranking::{Scored, Source};
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
    // Who rated nothing has no stored factors: these come from what else is known, or from nothing.
    let changed = version.rated.is_some() && stored.items.is_empty();
    let mut person = known_person(version, user, stored, History::stored(stored), changed)?;
    if let (Some(rated), None) = (&version.rated, &person.factors) {
        let nothing = Matrix::default();
        person.factors = Some((rated.fold_in.user(&nothing, &nothing, &[], &[]), Source::FoldIn));
    }
    let found = answer(Rc::clone(version), &person, request)?;
    let scored = |&Recommended { item, score, .. }: &Recommended| Scored { item, score };
    Ok(found.items.iter().map(scored).collect())
}
