//! Acts temporarily as the owner of the catalog, like foreign keys do (`ri_triggers.c`): user id and search path are
//! changed, and restored in any case.
//!
//! Only fixed statements of `crate::catalog` run as the owner; the caller's rights must be checked before.

use pgrx::pg_sys;
use std::ffi::CStr;

/// The oid and the owner of a table; `None` if it does not exist. Answered from caches.
pub fn table_and_owner(schema: &CStr, table: &CStr) -> Option<(pg_sys::Oid, pg_sys::Oid)> {
    // SAFETY: both names are NUL-terminated; the relation is open while its owner is read.
    unsafe {
        let namespace = pg_sys::get_namespace_oid(schema.as_ptr(), true);
        let oid = pg_sys::get_relname_relid(table.as_ptr(), namespace);
        if oid == pg_sys::InvalidOid {
            return None;
        }
        let relation = pg_sys::relation_open(oid, pg_sys::AccessShareLock as i32);
        let owner = (*(*relation).rd_rel).relowner;
        pg_sys::relation_close(relation, pg_sys::AccessShareLock as i32);
        Some((oid, owner))
    }
}

/// The search path of all our own statements. Temporary tables come last; functions are never looked up there.
const PATH: &CStr = c"pg_catalog, pg_temp";

/// Settings of the caller that would affect the owner's statements, and the values used for these instead. Tables,
/// sorts and indexes do not go to a tablespace on which only the owner has rights; numbers converted to text keep all
/// their digits; delays of vacuum and analyze do not apply.
const PINNED: [(&CStr, &CStr); 5] = [
    (c"default_tablespace", c""),
    (c"temp_tablespaces", c""),
    (c"extra_float_digits", c"1"),
    (c"bytea_output", c"hex"),
    (c"vacuum_cost_delay", c"0"),
];

/// Changes a setting until the nesting level ends.
///
/// # Safety
/// A level of nesting has begun, and there is such a setting.
unsafe fn save(name: &CStr, value: &CStr) {
    // SAFETY: both are NUL-terminated; the call is that of `fmgr_security_definer`.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}

/// A guard: while it lives, names and operators in statements are resolved in `pg_catalog` only, or along one path.
pub struct PinnedPath {
    /// `None` if the path was pinned already.
    nest_level: Option<i32>,
}

impl PinnedPath {
    /// Pins the search path until dropped.
    pub fn new() -> Self {
        Self::to(PATH)
    }

    /// Pins it to another path.
    pub fn to(pinned: &CStr) -> Self {
        // SAFETY: reads a setting, a NUL-terminated text or null; the calls are those of
        // `fmgr_security_definer`, in their order.
        let nest_level = unsafe {
            let path = pg_sys::namespace_search_path;
            if !path.is_null() && CStr::from_ptr(path) == pinned {
                None
            } else {
                let nest_level = pg_sys::NewGUCNestLevel();
                save(c"search_path", pinned);
                Some(nest_level)
            }
        };
        Self { nest_level }
    }
}

impl Drop for PinnedPath {
    fn drop(&mut self) {
        if let Some(nest_level) = self.nest_level {
            // SAFETY: undoes `new`, innermost first, as the borrow checker orders drops. After an error PostgreSQL's own
            // cleanup finds it as it was already.
            unsafe { pg_sys::AtEOXact_GUC(false, nest_level) };
        }
    }
}

/// A guard: while it lives, statements run as `owner`, with the search path and other settings pinned.
pub struct ActingAs {
    previous_user: pg_sys::Oid,
    previous_context: i32,
    nest_level: i32,
    _path: PinnedPath,
}

impl ActingAs {
    /// Becomes `owner` until dropped.
    pub fn new(owner: pg_sys::Oid) -> Self {
        let mut previous_user = pg_sys::InvalidOid;
        let mut previous_context = 0;
        // SAFETY: both out-pointers are valid; the calls are those of ri_triggers.c.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut previous_user, &mut previous_context);
            pg_sys::SetUserIdAndSecContext(
                owner,
                previous_context
                    | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32
                    | pg_sys::SECURITY_NOFORCE_RLS as i32,
            );
        }
        // Pin the path first, since it must be restored last.
        let path = PinnedPath::new();
        // SAFETY: the settings are PostgreSQL's own, and have values.
        let nest_level = unsafe {
            let nest_level = pg_sys::NewGUCNestLevel();
            for (name, value) in PINNED {
                if CStr::from_ptr(pg_sys::GetConfigOption(name.as_ptr(), false, false)) != value {
                    save(name, value);
                }
            }
            nest_level
        };
        Self { previous_user, previous_context, nest_level, _path: path }
    }
}

impl Drop for ActingAs {
    fn drop(&mut self) {
        // SAFETY: undoes `new`. After an error PostgreSQL's own cleanup finds it as it was already.
        unsafe {
            pg_sys::AtEOXact_GUC(false, self.nest_level);
            pg_sys::SetUserIdAndSecContext(self.previous_user, self.previous_context);
        }
    }
}
