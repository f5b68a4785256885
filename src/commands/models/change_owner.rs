//! `segrec_change_owner`: gives a model to another role.

use crate::catalog::models::{grants, owners};
use crate::commands::access::privileges::owned;
use crate::error::{Result, SegrecError};
use pgrx::pg_sys;

/// Gives a model to a role. As for tables, the caller must be able to SET ROLE to it.
pub fn change_owner(model: Option<&str>, role: Option<&str>) -> Result<()> {
    let model = owned(model)?;
    let name = role.ok_or(SegrecError::NullArgument { argument: "role" })?;
    let role = grants::role(name)?
        .filter(|role| *role != pg_sys::InvalidOid)
        .ok_or_else(|| SegrecError::UnknownRole { name: name.to_owned() })?;
    if !owners::may_become(role)? {
        return Err(SegrecError::NotMember { role: name.to_owned() });
    }
    owners::set(model.id, role)
}
