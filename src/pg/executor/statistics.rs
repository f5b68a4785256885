//! Removes the planner's statistics of a column.

use crate::pg::security::owner::table_and_owner;
use pgrx::pg_sys;
use std::ffi::CStr;

/// Removes the statistics of a column of a table, those inherited from its partitions, and those of expressions in its
/// indexes.
pub fn remove_statistics(schema: &CStr, table: &CStr, column: &CStr) {
    let Some((table, _)) = table_and_owner(schema, table) else { return };
    // SAFETY: the name is NUL-terminated. The relation is open while its indexes are listed, and its lock is kept to
    // the end of the transaction. Rows of the catalog are deleted by PostgreSQL's own functions.
    unsafe {
        let column = pg_sys::get_attnum(table, column.as_ptr());
        if column > 0 {
            pg_sys::RemoveStatistics(table, column);
        }
        let relation = pg_sys::try_relation_open(table, pg_sys::AccessShareLock as i32);
        if relation.is_null() {
            return;
        }
        let indexes = pg_sys::RelationGetIndexList(relation);
        let count = if indexes.is_null() { 0 } else { (*indexes).length };
        for place in 0..count {
            // 0 means all columns.
            pg_sys::RemoveStatistics(pg_sys::list_nth_oid(indexes, place), 0);
        }
        pg_sys::list_free(indexes);
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
    }
}
