//! Snapshots, which determine what queries see of other transactions.

use pgrx::pg_sys;
use std::marker::PhantomData;

/// Whether parallel mode is active, in which PostgreSQL does not allow new snapshots.
pub fn is_parallel() -> bool {
    // SAFETY: reads a variable.
    unsafe { pg_sys::IsInParallelMode() }
}

/// A guard: while it lives, queries see everything committed before it was created, not only before the statement.
/// Above READ COMMITTED, [`Self::new`] still shows what the transaction began with.
pub struct NewSnapshot(PhantomData<*const ()>);

impl NewSnapshot {
    /// Pushes the transaction's snapshot, which is a new one in READ COMMITTED.
    pub fn new() -> Self {
        // SAFETY: within a transaction, which keeps the snapshot until it is popped or ends.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
        Self(PhantomData)
    }

    /// Pushes the latest snapshot at every isolation level, to see the current state of other processes' work.
    pub fn latest() -> Self {
        // SAFETY: as above.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()) };
        Self(PhantomData)
    }
}

impl Drop for NewSnapshot {
    fn drop(&mut self) {
        // SAFETY: undoes `new`: it lives in a scope, so what was pushed after it has been popped; and an error of
        // PostgreSQL drops it before the transaction it belongs to ends.
        unsafe { pg_sys::PopActiveSnapshot() };
    }
}
