//! What a query calls a relation and its columns, and whether these names still mean the same. A session keeps a query
//! while the relation's owner may rename it, put another one with traps in its place, or give a column a type with a
//! cast of their own: all of that would run as whoever calls.

use pgrx::pg_sys;
use std::ffi::{CStr, CString, c_char};

/// A relation and columns, as they were when a query was written.
pub struct Named {
    relation: pg_sys::Oid,
    columns: Vec<CString>,
    then: State,
}

/// The schema's name, the relation's name and kind, the types of columns.
#[derive(PartialEq, Eq)]
struct State(CString, CString, i8, Vec<pg_sys::Oid>);

/// PostgreSQL's copy of a name as ours.
fn text(name: *mut c_char) -> CString {
    if name.is_null() {
        return CString::default();
    }
    // SAFETY: a copy in the current memory context, which ends with a zero byte; nobody else has it.
    unsafe {
        let text = CStr::from_ptr(name).to_owned();
        pg_sys::pfree(name.cast());
        text
    }
}

fn state(relation: pg_sys::Oid, columns: &[CString]) -> State {
    // SAFETY: these look into caches; of what is gone they say nothing or zero. The names end with a zero byte.
    unsafe {
        let types = columns
            .iter()
            .map(|column| pg_sys::get_atttype(relation, pg_sys::get_attnum(relation, column.as_ptr())))
            .collect();
        State(
            text(pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation))),
            text(pg_sys::get_rel_name(relation)),
            pg_sys::get_rel_relkind(relation) as i8,
            types,
        )
    }
}

impl Named {
    /// As they are now.
    pub fn new(relation: pg_sys::Oid, columns: Vec<CString>) -> Self {
        let then = state(relation, &columns);
        Self { relation, columns, then }
    }

    /// The relation.
    pub fn relation(&self) -> pg_sys::Oid {
        self.relation
    }

    /// The columns.
    pub fn columns(&self) -> impl Iterator<Item = &CStr> {
        self.columns.iter().map(CString::as_c_str)
    }

    /// Whether the names still mean the same; they do to the end of the transaction, since the relation is locked as a
    /// query locks it.
    pub fn holds(&self) -> bool {
        // SAFETY: a relation that is gone is not opened; one that is opened is closed again while its lock is kept.
        unsafe {
            let relation = pg_sys::try_relation_open(self.relation, pg_sys::AccessShareLock as i32);
            if relation.is_null() {
                return false;
            }
            pg_sys::relation_close(relation, pg_sys::NoLock as i32);
        }
        state(self.relation, &self.columns) == self.then
    }
}
