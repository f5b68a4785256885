//! What queries see of changes: those of a STABLE function what the calling statement sees, those of a VOLATILE one what was
//! changed in the transaction as well.

use crate::error::Result;
use std::cell::Cell;

/// What a query sees of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// What the calling statement sees, as in a STABLE function: the same at each call, also where the plan of the calling
    /// statement has parallel workers.
    WhatTheStatementSees,
    /// What was changed in this transaction until now as well, as in a VOLATILE function.
    Changes,
}

thread_local! {
    static SEES: Cell<Sees> = const { Cell::new(Sees::Changes) };
}

/// Does what a STABLE function does: within it, queries see what the calling statement sees, whatever the transaction has
/// written.
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

/// Says that a VOLATILE function has begun, be it one that a STABLE one came to by what it reads: queries see what the
/// transaction has written.
pub fn volatile() {
    SEES.set(Sees::Changes);
}

/// What queries see now.
pub fn sees() -> Sees {
    SEES.get()
}
