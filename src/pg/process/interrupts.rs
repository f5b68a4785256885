//! Holds off interrupts where PostgreSQL would process them without a guard of pgrx around it.

use pgrx::pg_sys;

/// Runs `act` with interrupts held off, then processes them.
///
/// A report below ERROR ends with a check for interrupts (`errfinish` in elog.c), and pgrx calls it unguarded. A cancel
/// processed there would longjmp over Rust frames up to the nearest guard, while threads still use data that these
/// frames own.
pub fn after<T>(act: impl FnOnce() -> T) -> T {
    // SAFETY: this thread alone changes the count. An error inside sets it to 0 (errfinish), which is also where
    // it stands outside; so the count needs no guard that would take one back while unwinding.
    unsafe { pg_sys::InterruptHoldoffCount += 1 };
    let result = act();
    // SAFETY: as above; PostgreSQL counts in the same way (RESUME_INTERRUPTS).
    unsafe { pg_sys::InterruptHoldoffCount -= 1 };
    pg_sys::check_for_interrupts!();
    result
}
