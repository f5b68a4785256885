//! The owners of models, in a separate table, so that a dump can omit owners that were dropped.

use crate::catalog::statement::{as_owner, execute, query};
use crate::error::Result;
use pgrx::pg_sys;

/// Stores the owner of a model.
pub fn set(model_id: i64, owner: pg_sys::Oid) -> Result<()> {
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.model_owners (model_id, owner) VALUES ($1, $2::regrole) \
             ON CONFLICT (model_id) DO UPDATE SET owner = EXCLUDED.owner",
            &[model_id.into(), owner.into()],
        )
    })
}

/// Whether the current role may SET ROLE to another one; since 16 a membership may exclude that.
pub fn may_become(role: pg_sys::Oid) -> Result<bool> {
    let found = query(
        "SELECT pg_catalog.pg_has_role($1, CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 \
                                                     OPERATOR(pg_catalog.>=) 160000 THEN 'SET' ELSE 'MEMBER' END)",
        &[role.into()],
        |row| row.value::<bool>(1),
    )?;
    Ok(found == [true])
}
