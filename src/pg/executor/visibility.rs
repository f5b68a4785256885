//! Which changes queries see: in a STABLE function what the calling statement sees, in a VOLATILE one also earlier
//! changes of the transaction.

use crate::error::Result;
use pgrx::pg_sys;
use std::cell::Cell;

/// Which changes a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// What the calling statement sees, as in a STABLE function: the same at each call, even in parallel workers.
    WhatTheStatementSees,
    /// Also all earlier changes of this transaction, as in a VOLATILE function.
    Changes,
}

/// A transaction that has written, and its current subtransaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WritingTransaction {
    transaction: u32,
    subtransaction: pg_sys::SubTransactionId,
}

impl WritingTransaction {
    /// The number of the transaction.
    pub fn transaction(self) -> u32 {
        self.transaction
    }
}

/// The current transaction, if it has written: it sees rows that may be rolled back.
pub fn writing() -> Option<WritingTransaction> {
    // SAFETY: these read the state of the transaction of this process.
    let (transaction, subtransaction) =
        unsafe { (pg_sys::GetTopTransactionIdIfAny(), pg_sys::GetCurrentSubTransactionId()) };
    let transaction = u32::from(transaction);
    (transaction != 0).then_some(WritingTransaction { transaction, subtransaction })
}

thread_local! {
    static SEES: Cell<Sees> = const { Cell::new(Sees::Changes) };
}

/// Runs `act` like the body of a STABLE function: its queries see what the calling statement sees, regardless of what
/// the transaction has written.
pub fn stable<T>(act: impl FnOnce() -> Result<T>) -> Result<T> {
    struct Before(Sees);
    impl Drop for Before {
        fn drop(&mut self) {
            SEES.set(self.0);
        }
    }
    let _before = Before(SEES.replace(Sees::WhatTheStatementSees));
    act()
}

/// Called at the beginning of a VOLATILE function, which a STABLE one may have invoked indirectly: queries see what the
/// transaction has written.
pub fn volatile() {
    SEES.set(Sees::Changes);
}

/// Which changes queries see now.
pub fn sees() -> Sees {
    SEES.get()
}
