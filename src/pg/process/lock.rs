//! Heavyweight locks. A model, study or job is locked as (its table, its key), visible in `pg_locks` as an object lock.

use pgrx::{pg_guard, pg_sys};
use std::cell::RefCell;

/// Raises PostgreSQL's usual error on a replica or in a read-only transaction.
pub fn refuse_in_read_only() {
    let what = c"a change of a model";
    // SAFETY: the text is NUL-terminated.
    unsafe {
        pg_sys::PreventCommandDuringRecovery(what.as_ptr());
        pg_sys::PreventCommandIfReadOnly(what.as_ptr());
    }
}

/// How long a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    TransactionEnds,
    /// Until the process ends, or until [`unlock`]. Only for processes that call [`hold_kept`] at the beginning of
    /// every transaction.
    SessionEnds,
}

/// Takes the lock if it is free; false if another session holds it.
pub fn try_lock(table: pg_sys::Oid, key: i64, until: Until) -> bool {
    take(tag(table, key), until)
}

/// Releases a lock.
pub fn unlock(table: pg_sys::Oid, key: i64, until: Until) {
    let tag = tag(table, key);
    let session = until == Until::SessionEnds;
    if session {
        KEPT.with_borrow_mut(|kept| kept.retain(|kept| parts(kept) != parts(&tag)));
        // SAFETY: as below.
        unsafe { pg_sys::LockRelease(&tag, MODE, true) };
    }
    // SAFETY: the tag is complete and outlives the call; a lock that is not held is a warning.
    unsafe { pg_sys::LockRelease(&tag, MODE, false) };
}

/// A shared object of which processes occupy numbered places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    Role(pg_sys::Oid),
    Database,
}

impl Shared {
    /// The catalog and the oid of the object.
    pub fn address(self) -> (pg_sys::Oid, pg_sys::Oid) {
        match self {
            Self::Role(role) => (pg_sys::AuthIdRelationId, role),
            // SAFETY: set once when the backend connects to its database.
            Self::Database => (pg_sys::DatabaseRelationId, unsafe { pg_sys::MyDatabaseId }),
        }
    }
}

/// Takes one of the places numbered from 1 to `places` until the process ends; false if all are taken. A place is a
/// lock, so no two processes can take the same one, and it is released however a process ends.
pub fn take_place(of: Shared, places: u16) -> bool {
    let (catalog, object) = of.address();
    (1..=places).any(|place| {
        let mut tag = tag(catalog, i64::from(u32::from(object)));
        tag.locktag_field1 = 0; // of no database alone
        tag.locktag_field4 = place;
        take(tag, Until::SessionEnds)
    })
}

/// An exclusive mode.
const MODE: pg_sys::LOCKMODE = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;

thread_local! {
    /// The locks held until the process ends.
    static KEPT: RefCell<Vec<pg_sys::LOCKTAG>> = const { RefCell::new(Vec::new()) };
}

/// Locks that outlive a transaction are session locks, and any function could release all of those
/// (`pg_advisory_unlock_all`). So such a lock is held twice: by the session, across transactions, and by each
/// transaction, from which nobody can release it. At the end of a transaction, when no more functions run, the session
/// takes it anew.
fn take(tag: pg_sys::LOCKTAG, until: Until) -> bool {
    if !acquire(&tag, false) {
        return false;
    }
    if until == Until::SessionEnds {
        acquire(&tag, true);
        let first = KEPT.with_borrow_mut(|kept| {
            kept.push(tag);
            kept.len() == 1
        });
        if first {
            // SAFETY: PostgreSQL calls the function at the ends of transactions of this process. It needs no argument.
            unsafe { pg_sys::RegisterXactCallback(Some(carry), std::ptr::null_mut()) };
        }
    }
    true
}

/// Lets this transaction hold the kept locks too; called when it begins.
pub fn hold_kept() {
    KEPT.with_borrow(|kept| {
        for tag in kept {
            acquire(tag, false);
        }
    });
}

/// Lets the session hold the kept locks again. They are already held by the process, so this only increments a counter,
/// which is possible even while a transaction aborts.
#[pg_guard]
unsafe extern "C-unwind" fn carry(event: pg_sys::XactEvent::Type, _argument: *mut std::ffi::c_void) {
    if matches!(event, pg_sys::XactEvent::XACT_EVENT_PRE_COMMIT | pg_sys::XactEvent::XACT_EVENT_ABORT) {
        KEPT.with_borrow(|kept| {
            for tag in kept {
                acquire(tag, true);
            }
        });
    }
}

fn acquire(tag: &pg_sys::LOCKTAG, session: bool) -> bool {
    // SAFETY: the tag is complete and outlives the call; without waiting it returns at once.
    let result = unsafe { pg_sys::LockAcquire(tag, MODE, session, true) };
    result != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

fn tag(table: pg_sys::Oid, key: i64) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        // SAFETY: set once when the backend connects to its database.
        locktag_field1: u32::from(unsafe { pg_sys::MyDatabaseId }),
        locktag_field2: u32::from(table),
        locktag_field3: key as u32,
        locktag_field4: 0,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        // The method of advisory locks, whose session locks also end with the process.
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}

/// The fields that identify a lock.
fn parts(tag: &pg_sys::LOCKTAG) -> [u32; 4] {
    let pg_sys::LOCKTAG { locktag_field1, locktag_field2, locktag_field3, locktag_field4, .. } = *tag;
    [locktag_field1, locktag_field2, locktag_field3, u32::from(locktag_field4)]
}
