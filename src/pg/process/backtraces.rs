//! Disables backtraces. If RUST_BACKTRACE is set, pgrx adds one to the DETAIL of errors. That is sent to clients, for
//! whom it is useless, and takes a tenth of a second.

use std::backtrace::Backtrace;
use std::ffi::OsStr;

const ASKED: &str = "RUST_LIB_BACKTRACE";

/// Disables backtraces from now on: the standard library reads the variable once and caches it. Other Rust libraries in
/// the process have their own standard library and are not affected.
pub fn take_none() {
    let asked = std::env::var_os(ASKED);
    set(Some(OsStr::new("0")));
    drop(Backtrace::capture());
    set(asked.as_deref());
}

fn set(value: Option<&OsStr>) {
    // SAFETY: a process of PostgreSQL has one thread while it loads a library.
    unsafe {
        match value {
            Some(value) => std::env::set_var(ASKED, value),
            None => std::env::remove_var(ASKED),
        }
    }
}
