//! Index scans that bypass the executor, for lookups at every call. They see the table as the current statement does.

use crate::pg::datums::text::Text;
use pgrx::htup::heap_getattr_raw;
use pgrx::{IntoDatum, pg_sys};
use std::ffi::CStr;
use std::num::NonZeroUsize;

/// The identity of a row version: its position, and the transaction that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowVersion {
    place: (u16, u16, u16),
    written_by: pg_sys::TransactionId,
}

/// The first column of a unique index, and the value to look up.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// A column of type text, with the database's default collation.
    Text(&'a CStr, &'a str),
    /// A column of type bigint.
    Bigint(&'a CStr, i64),
}

/// Whether the transaction has written nothing, so that everything it sees is committed.
pub fn sees_only_committed() -> bool {
    // SAFETY: reads a variable.
    unsafe { pg_sys::GetTopTransactionIdIfAny() == pg_sys::InvalidTransactionId }
}

/// Returns up to `limit` rows matching `key`, by index scan, else by full scan; each with the value of `column`, which
/// must be of type oid.
pub fn rows(
    table: pg_sys::Oid,
    by: Option<(&CStr, Key<'_>)>,
    limit: usize,
    column: Option<&CStr>,
) -> Vec<(RowVersion, pg_sys::Oid)> {
    let mut found = Vec::with_capacity(limit.min(2));
    // SAFETY: the relation is open and locked while the scan lasts, and a tuple is read before the next is asked for.
    // The scan's key is complete, and outlives it. Names are NUL-terminated.
    unsafe {
        let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as i32);
        let descriptor = (*relation).rd_att;
        let number = |column: &CStr| pg_sys::get_attnum(table, column.as_ptr());
        let mut key = pg_sys::ScanKeyData::default();
        let index = by.map_or(pg_sys::InvalidOid, |(index, wanted)| {
            let (column, equal, value) = match wanted {
                Key::Text(column, text) => (column, pg_sys::F_TEXTEQ, Text::from(text).into_datum()),
                Key::Bigint(column, number) => (column, pg_sys::F_INT8EQ, number.into_datum()),
            };
            let (equal, value) = (equal.into(), value.unwrap_or(pg_sys::Datum::from(0)));
            pg_sys::ScanKeyInit(&mut key, number(column), pg_sys::BTEqualStrategyNumber as u16, equal, value);
            key.sk_collation = pg_sys::DEFAULT_COLLATION_OID;
            pg_sys::get_relname_relid(index.as_ptr(), (*(*relation).rd_rel).relnamespace)
        });
        let indexed = index != pg_sys::InvalidOid;
        let (snapshot, keys) = (pg_sys::GetActiveSnapshot(), i32::from(by.is_some()));
        let scan = pg_sys::systable_beginscan(relation, index, indexed, snapshot, keys, &mut key);
        let column = column.and_then(|column| NonZeroUsize::new(number(column).max(0) as usize));
        while found.len() < limit {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let pg_sys::ItemPointerData { ip_blkid: block, ip_posid: line } = (*tuple).t_self;
            let place = (block.bi_hi, block.bi_lo, line);
            let written_by = (*(*tuple).t_data).t_choice.t_heap.t_xmin;
            let value = column.and_then(|column| heap_getattr_raw(tuple, column, descriptor));
            let value = value.map_or(pg_sys::InvalidOid, |datum| pg_sys::Oid::from(datum.value() as u32));
            found.push((RowVersion { place, written_by }, value));
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
    }
    found
}
