//! Snapshots: what queries see of other transactions.

use pgrx::pg_sys;
use std::marker::PhantomData;

/// Whether processes work on the statement in parallel: then PostgreSQL takes no latest snapshot.
pub fn is_parallel() -> bool {
    // SAFETY: reads a variable.
    unsafe { pg_sys::IsInParallelMode() }
}

/// While it lives, queries see what was committed when it was made, and not only what the statement began with. At the
/// levels of isolation above READ COMMITTED they see what the transaction began with all the same.
pub struct NewSnapshot(PhantomData<*const ()>);

impl NewSnapshot {
    /// Pushes the transaction's snapshot, which at READ COMMITTED is a new one.
    pub fn new() -> Self {
        // SAFETY: within a transaction, which keeps the snapshot until it is popped or ends.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
        Self(PhantomData)
    }

    /// The same at every level of isolation: for what other processes say of their work.
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
