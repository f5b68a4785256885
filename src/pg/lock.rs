//! Locks. The lock on a model, a study or a job: a heavyweight lock on (its table, its key), visible in `pg_locks`
//! as an object lock.

use pgrx::pg_sys;
use std::ffi::{CStr, CString};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Between two looks whether nobody uses a table.
const POLL: Duration = Duration::from_millis(20);

/// Keeps a table from being dropped to the end of the transaction; false where it is gone.
pub fn hold_table(schema: &CStr, table: &CStr) -> bool {
    // SAFETY: both names end with a zero byte; the relation is closed again while its lock is kept.
    unsafe {
        let namespace = pg_sys::get_namespace_oid(schema.as_ptr(), true);
        let oid = pg_sys::get_relname_relid(table.as_ptr(), namespace);
        if oid == pg_sys::InvalidOid {
            return false;
        }
        let relation = pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as i32);
        if relation.is_null() {
            return false;
        }
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
        true
    }
}

/// Raises PostgreSQL's usual error on a replica.
pub fn refuse_on_replica() {
    // SAFETY: the text ends with a zero byte.
    unsafe { pg_sys::PreventCommandDuringRecovery(c"a change of a model".as_ptr()) };
}

/// How long a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// To the end of the transaction.
    TransactionEnds,
    /// To the end of the process, over transactions, until [`unlock`].
    SessionEnds,
}

/// Takes the lock if it is free; false where another session holds it.
pub fn try_lock(table: pg_sys::Oid, key: i64, until: Until) -> bool {
    let session = until == Until::SessionEnds;
    // SAFETY: the tag is complete and outlives the call; without waiting it returns at once.
    let result = unsafe { pg_sys::LockAcquire(&tag(table, key), MODE, session, true) };
    result != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

/// Gives back a lock.
pub fn unlock(table: pg_sys::Oid, key: i64, until: Until) {
    let session = until == Until::SessionEnds;
    // SAFETY: as above; a lock that is not held is a warning.
    unsafe { pg_sys::LockRelease(&tag(table, key), MODE, session) };
}

/// Locks exclude each other.
const MODE: pg_sys::LOCKMODE = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;

fn tag(table: pg_sys::Oid, key: i64) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        // SAFETY: set when the backend connected to its database, constant since.
        locktag_field1: u32::from(unsafe { pg_sys::MyDatabaseId }),
        locktag_field2: u32::from(table),
        locktag_field3: key as u32,
        locktag_field4: 0,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        // That of advisory locks, which also end with a process that holds them over transactions.
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}

/// The setting `lock_timeout`; none where it is off.
pub fn lock_timeout() -> Option<Duration> {
    // SAFETY: a setting, which changes on this thread only.
    let milliseconds = unsafe { pg_sys::LockTimeout };
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds as u64))
}

/// Locks tables against everybody to the end of the transaction, in a moment in which nobody uses any of them; false
/// where none came in time. It stands in no queue meanwhile, so nobody waits behind it. Tables that are gone are passed
/// over.
pub fn lock_tables_within(schema: &CStr, tables: &[CString], patience: Duration) -> bool {
    let start = Instant::now();
    loop {
        if try_lock_tables(schema, tables) {
            return true;
        }
        if start.elapsed() >= patience {
            return false;
        }
        sleep(POLL.min(patience));
        pg_sys::check_for_interrupts!();
    }
}

/// Locks all of the tables or none.
fn try_lock_tables(schema: &CStr, tables: &[CString]) -> bool {
    let mode = pg_sys::AccessExclusiveLock as i32;
    let mut locked = Vec::with_capacity(tables.len());
    for table in tables {
        // SAFETY: both names end with a zero byte; a relation that is dropped between both calls is locked by its number,
        // which harms nobody.
        let free = unsafe {
            let namespace = pg_sys::get_namespace_oid(schema.as_ptr(), true);
            let oid = pg_sys::get_relname_relid(table.as_ptr(), namespace);
            if oid == pg_sys::InvalidOid {
                continue;
            }
            let free = pg_sys::ConditionalLockRelationOid(oid, mode);
            if free {
                locked.push(oid);
            }
            free
        };
        if !free {
            for oid in locked.into_iter().rev() {
                // SAFETY: locked above, in this transaction.
                unsafe { pg_sys::UnlockRelationOid(oid, mode) };
            }
            return false;
        }
    }
    true
}
