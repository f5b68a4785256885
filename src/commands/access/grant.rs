//! `segrec_grant`, `segrec_revoke`: privileges of other roles on a model.

use super::privileges::owned;
use crate::catalog::models::Model;
use crate::catalog::models::grants;
use crate::error::{Result, SegrecError, notice};
use pgrx::pg_sys;

/// The privileges on a model; each of the others includes `use`.
pub const PRIVILEGES: [&str; 3] = ["use", "label", "train"];

/// The checked arguments of a grant.
struct Grant<'a> {
    model: Model,
    role: pg_sys::Oid,
    privilege: &'a str,
}

fn checked<'a>(model: Option<&str>, role: Option<&str>, privilege: Option<&'a str>) -> Result<Grant<'a>> {
    let null = |argument| move || SegrecError::NullArgument { argument };
    let model = owned(model)?;
    let name = role.ok_or_else(null("role"))?;
    let privilege = privilege.ok_or_else(null("privilege"))?;
    if !PRIVILEGES.contains(&privilege) {
        return Err(SegrecError::InvalidPrivilege { value: privilege.to_owned() });
    }
    let role = grants::role(name)?.ok_or_else(|| SegrecError::UnknownRole { name: name.to_owned() })?;
    Ok(Grant { model, role, privilege })
}

/// Grants a privilege on a model to a role.
pub fn grant(model: Option<&str>, role: Option<&str>, privilege: Option<&str>) -> Result<()> {
    let grant = checked(model, role, privilege)?;
    grants::insert(grant.model.id, grant.role, grant.privilege)
}

/// Revokes a privilege on a model from a role.
pub fn revoke(model: Option<&str>, role: Option<&str>, privilege: Option<&str>) -> Result<()> {
    let grant = checked(model, role, privilege)?;
    if !grants::delete(grant.model.id, grant.role, grant.privilege)? {
        let (name, privilege) = (role.unwrap_or_default(), grant.privilege);
        notice(
            format!("\"{name}\" has not been granted \"{privilege}\" on model \"{}\"", grant.model.name),
            Some(
                "Its permissions result from other grants, its memberships, or what it may read.".to_owned(),
            ),
            Some("See the view segrec.grants.".to_owned()),
        );
    }
    Ok(())
}
