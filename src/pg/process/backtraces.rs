//! No backtraces. Where RUST_BACKTRACE is set, pgrx puts one into the DETAIL of an error, where clients read it; it says
//! nothing to them, and takes a tenth of a second.

use std::backtrace::Backtrace;
use std::ffi::OsStr;

const ASKED: &str = "RUST_LIB_BACKTRACE";

/// Takes none from here on: the standard library looks once whether it is to, and keeps what it found. Other libraries
/// in the process have a standard library of their own, and find what was asked for.
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
