//! The schemas of the caller's search path.

use crate::error::or_raise;
use crate::pg::datums::encoding::decode;
use pgrx::pg_sys;
use std::ffi::CStr;

/// The names of the existing schemas in the search path, in order, without implicit ones.
pub fn search_path() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: the list is of oids, and ours to free; a name is a copy in the current memory context, or null where the
    // schema is gone.
    unsafe {
        let path = pg_sys::fetch_search_path(false);
        for position in 0..pg_sys::list_length(path) {
            let name = pg_sys::get_namespace_name(pg_sys::list_nth_oid(path, position));
            if !name.is_null() {
                names.push(or_raise(decode(CStr::from_ptr(name).to_bytes())).into_owned());
            }
        }
        pg_sys::list_free(path);
    }
    names
}
