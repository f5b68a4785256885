//! Which changes queries see: in a STABLE function what the calling statement sees, in a VOLATILE one also earlier
//! changes of the transaction.

use crate::error::Result;
use std::cell::Cell;

/// Which changes a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// What the calling statement sees, as in a STABLE function: the same at each call, even in parallel workers.
    WhatTheStatementSees,
    /// Also all earlier changes of this transaction, as in a VOLATILE function.
    Changes,
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
