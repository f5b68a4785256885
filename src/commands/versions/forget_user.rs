//! `segrec_forget_user`: deletes what is stored about a user. The events remain the caller's responsibility.

use crate::catalog::removal::{self, Forgotten};
use crate::catalog::versions;
use crate::commands::access::privileges::owned_and_locked;
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::id_text;
use crate::serving::ids::user_id;
use segrec_engine::interactions::Id;

/// Deletes what is stored about a user. The model is locked against trainings, which may already have read the user's
/// events and would write them back.
pub fn forget_user(model: Option<&str>, user: Option<Id<'_>>) -> Result<Forgotten> {
    let user = user.ok_or(SegrecError::NullArgument { argument: "user_id" })?;
    owned_and_locked(model, |model| {
        let id = user_id(user, &model)?.map(id_text);
        // Nothing can be stored for a text that is not a valid id of the model's type.
        let Some(id) = id else {
            return Ok(Forgotten { members: 0, history: 0 });
        };
        let versions: Vec<i64> = versions::list(model.id)?.iter().map(|version| version.version_id).collect();
        removal::forget_user(model.id, &versions, &id)
    })
}
