//! Interrupts that wait: where PostgreSQL would process them without a guard of ours around it.

use pgrx::pg_sys;

/// Runs `act` while interrupts wait, then processes them.
///
/// A report below ERROR ends with a look at interrupts (`errfinish` in elog.c), and pgrx calls it as it is: a
/// cancel that is processed there jumps over the frames of Rust between it and the nearest guard, with threads
/// still at work on what they borrow from these.
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
