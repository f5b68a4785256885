//! What the current role may read and do, answered from caches in well under a microsecond. The role can change within
//! a session (`SET ROLE`, `SECURITY DEFINER`), so it is checked at every call.

use pgrx::pg_sys;
use std::ffi::CStr;

pub fn current_role() -> pg_sys::Oid {
    // SAFETY: reads a variable.
    unsafe { pg_sys::GetUserId() }
}

/// Whether the current role has the privileges of another: `pg_has_role(role, 'USAGE')`.
pub fn acts_for(role: pg_sys::Oid) -> bool {
    // SAFETY: looks both roles up in the catalog.
    unsafe { pg_sys::has_privs_of_role(current_role(), role) }
}

/// Whether the role exists.
pub fn is_role(role: pg_sys::Oid) -> bool {
    // SAFETY: looks the role up in the catalog; the name is a copy in the current memory context.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        if !name.is_null() {
            pg_sys::pfree(name.cast());
        }
        !name.is_null()
    }
}

/// Whether the current role is a superuser.
pub fn is_superuser() -> bool {
    // SAFETY: looks the role up in the catalog.
    unsafe { pg_sys::superuser() }
}

/// Whether the current role may read these columns of a relation. True for columns or relations that are gone, since
/// reading them raises PostgreSQL's own error.
pub fn may_read<'a>(relation: pg_sys::Oid, columns: impl IntoIterator<Item = &'a CStr>) -> bool {
    let role = current_role();
    let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
    // SAFETY: the out-pointer is valid, the names are NUL-terminated; what the calls look at is in the catalog, or
    // they say that it is not.
    unsafe {
        let mut missing = false;
        let whole = pg_sys::pg_class_aclcheck_ext(relation, role, select, &mut missing);
        if missing {
            return true;
        }
        if !may_look_into(pg_sys::get_rel_namespace(relation), role) {
            return false;
        }
        whole == pg_sys::AclResult::ACLCHECK_OK
            || columns.into_iter().all(|column| {
                let number = pg_sys::get_attnum(relation, column.as_ptr());
                number == 0
                    || pg_sys::pg_attribute_aclcheck(relation, number, role, select)
                        == pg_sys::AclResult::ACLCHECK_OK
            })
    }
}

/// Whether the server would let a role connect to this database. Since 17, background workers may skip the check of the
/// right to log in.
pub fn may_connect(role: pg_sys::Oid) -> bool {
    let connect = pg_sys::ACL_CONNECT as pg_sys::AclMode;
    // SAFETY: set once when the backend connects to its database.
    let database = unsafe { pg_sys::MyDatabaseId };
    // SAFETY: looks the database up in the catalog.
    #[cfg(any(feature = "pg14", feature = "pg15"))]
    let allowed = unsafe { pg_sys::pg_database_aclcheck(database, role, connect) };
    // SAFETY: looks the database up in the catalog.
    #[cfg(not(any(feature = "pg14", feature = "pg15")))]
    let allowed = unsafe { pg_sys::object_aclcheck(pg_sys::DatabaseRelationId, database, role, connect) };
    allowed == pg_sys::AclResult::ACLCHECK_OK && may_log_in(role)
}

#[cfg(not(any(feature = "pg14", feature = "pg15", feature = "pg16")))]
fn may_log_in(_: pg_sys::Oid) -> bool {
    true
}

#[cfg(any(feature = "pg14", feature = "pg15", feature = "pg16"))]
fn may_log_in(role: pg_sys::Oid) -> bool {
    // SAFETY: looks the role up in the catalog; the row is read before it is released.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::AUTHOID as i32;
        let found = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(role));
        if found.is_null() {
            return false;
        }
        let allowed = (*pg_sys::GETSTRUCT(found).cast::<pg_sys::FormData_pg_authid>()).rolcanlogin;
        pg_sys::ReleaseSysCache(found);
        allowed
    }
}

/// Whether a security-restricted operation is active: ANALYZE, REFRESH MATERIALIZED VIEW, REINDEX, CLUSTER or CREATE
/// INDEX runs functions chosen by the table's owner at a moment chosen by someone else.
pub fn is_restricted() -> bool {
    // SAFETY: reads a variable.
    unsafe { pg_sys::InSecurityRestrictedOperation() }
}

/// Whether a role has USAGE on a schema.
fn may_look_into(schema: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    let usage = pg_sys::ACL_USAGE as pg_sys::AclMode;
    // SAFETY: looks the schema up in the catalog.
    #[cfg(any(feature = "pg14", feature = "pg15"))]
    let result = unsafe { pg_sys::pg_namespace_aclcheck(schema, role, usage) };
    // SAFETY: looks the schema up in the catalog.
    #[cfg(not(any(feature = "pg14", feature = "pg15")))]
    let result = unsafe { pg_sys::object_aclcheck(pg_sys::NamespaceRelationId, schema, role, usage) };
    result == pg_sys::AclResult::ACLCHECK_OK
}

/// Whether row-level security may hide rows of a relation from the current role.
pub fn row_security_applies(relation: pg_sys::Oid) -> bool {
    // SAFETY: looks the relation up in the catalog; one that is gone has none.
    let applies = unsafe { pg_sys::check_enable_rls(relation, pg_sys::InvalidOid, true) };
    applies == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
}
