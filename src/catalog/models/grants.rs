//! Grants on models to roles other than the owner. Role 0, which is bound as null, is PUBLIC.

use crate::catalog::statement::{as_owner, execute, query, write};
use crate::error::Result;
use crate::pg::security::rights::current_role;
use pgrx::pg_sys;

/// The maximum length of a quoted role name: 63 bytes, each possibly a doubled quote, between quotes.
const LONGEST_NAME: usize = 128;

/// Looks up a role by its name, written as an identifier; 0 for `public`.
pub fn role(name: &str) -> Result<Option<pg_sys::Oid>> {
    if name.eq_ignore_ascii_case("public") {
        return Ok(Some(pg_sys::InvalidOid));
    }
    if name.len() > LONGEST_NAME {
        return Ok(None);
    }
    // Some majors accept '-' and any number as a role; require a row in pg_roles.
    let found = query(
        "SELECT oid FROM pg_catalog.pg_roles WHERE oid = pg_catalog.to_regrole($1)::pg_catalog.oid",
        &[name.into()],
        |row| row.value(1),
    )?;
    Ok(found.into_iter().next())
}

/// Stores a grant by the current role.
pub fn insert(model_id: i64, grantee: pg_sys::Oid, privilege: &str) -> Result<()> {
    let grantor = current_role();
    as_owner(|| {
        // The oid of a dropped role may be reused by another role, so remove its grants first.
        execute(
            "DELETE FROM segrec_catalog.model_grants WHERE model_id = $1 AND grantee::oid <> 0 \
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE pg_roles.oid = grantee::oid)",
            &[model_id.into()],
        )?;
        execute(
            "INSERT INTO segrec_catalog.model_grants (model_id, grantee, privilege, grantor) \
             VALUES ($1, COALESCE($2, 0)::regrole, $3, $4::regrole) ON CONFLICT DO NOTHING",
            &[model_id.into(), grantee.into(), privilege.into(), grantor.into()],
        )
    })
}

/// Deletes a grant; false if there was none.
pub fn delete(model_id: i64, grantee: pg_sys::Oid, privilege: &str) -> Result<bool> {
    let deleted = as_owner(|| {
        write(
            "DELETE FROM segrec_catalog.model_grants \
             WHERE model_id = $1 AND grantee = COALESCE($2, 0)::regrole AND privilege = $3 RETURNING model_id",
            &[model_id.into(), grantee.into(), privilege.into()],
            |row| row.value::<i64>(1),
        )
    })?;
    Ok(!deleted.is_empty())
}
