//! `segrec_change_owner`: gives a model to another role.

use crate::catalog::models::{grants, owners};
use crate::commands::access::privileges::owned;
use crate::error::{Result, SegrecError};
use pgrx::pg_sys;

/// Gives a model to a role that the caller could become, as PostgreSQL asks of who changes the owner of a table.
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
