//! The users most similar to another, by the cosine of their factors.
//!
//! All users of a version are compared, regardless of their segment, because segments' own factors stay in the
//! backbone's basis and close to it. One batch of users is in memory at a time; each takes 4·k bytes and k
//! multiply-adds.

use super::ids::user_id;
use super::recommendation::find_person;
use super::session;
use crate::catalog::versions::members;
use crate::error::Result;
use crate::pg::datums::id_text::id_text;
use segrec_engine::interactions::{Id, SeenRule};
use segrec_engine::linalg::vector::{dot, norm, normalize};
use segrec_engine::ranking::TopN;

/// The ids and cosines of the users most similar to another, as of the training; empty if that user has no factors.
/// Ties go to the user stored first.
pub fn similar_users(user: Id<'_>, n: usize, model: Option<&str>) -> Result<Vec<(String, f32)>> {
    let model = session::model(model)?;
    let Some(user) = user_id(user, &model)? else {
        return Ok(Vec::new());
    };
    let version = session::version(&model)?;
    let Some((mut own, _)) = find_person(&version, user, None, &SeenRule::default())?.factors else {
        return Ok(Vec::new());
    };
    let k = version.by_tastes().taste_columns(own.len());
    own.truncate(k);
    normalize(&mut own);
    // The user is the most similar to themselves; dropped below.
    let mut top = TopN::new(n.saturating_add(1));
    members::each(version.id(), |member| {
        let row = member.factors.get(..k).unwrap_or(&[]);
        let length = norm(row);
        if length > 0.0 {
            top.push(member.place, (dot(&own, row) / length).clamp(-1.0, 1.0));
        }
        Ok(())
    })?;
    version.members.check_there()?;
    let found = top.finish();
    let places: Vec<u32> = found.iter().map(|scored| scored.item).collect();
    let cosines = found.iter().map(|scored| scored.score);
    let ids = members::ids(version.id(), &places)?;
    let user = id_text(user);
    Ok(ids.into_iter().zip(cosines).filter(|(id, _)| *id != user).take(n).collect())
}
