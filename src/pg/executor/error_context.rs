//! Preserves the CONTEXT of errors raised by what a query reads: views, policies, casts and functions of others. pgrx
//! converts a PostgreSQL error to a panic and back, and loses its CONTEXT. Here it is saved, together with the relation
//! that was read, and added again.
//!
//! While PostgreSQL reports an error, it calls the callbacks on `error_context_stack`, innermost first (`errfinish` of
//! elog.c). The callback here copies the CONTEXT to memory reserved in advance, since the error may be a lack of
//! memory. When a panic leaves [`reading`], the callback that adds the CONTEXT again remains on the stack; it is
//! static, and whoever catches the error resets the stack.

use pgrx::{pg_guard, pg_sys};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

/// The maximum number of bytes of a CONTEXT that are kept.
const MOST: usize = 4096;
/// Bytes reserved for the copy of an error.
const RESERVED: usize = 64 << 10;

/// A saved CONTEXT.
struct Kept {
    bytes: [u8; MOST],
    length: usize,
}

thread_local! {
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept { bytes: [0; MOST], length: 0 }) };
    static COPIES: Cell<pg_sys::MemoryContext> = const { Cell::new(ptr::null_mut()) };
}

/// The callback that adds the saved CONTEXT. Used only by the backend's own thread.
static mut AGAIN: pg_sys::ErrorContextCallback = pg_sys::ErrorContextCallback {
    previous: ptr::null_mut(),
    callback: Some(say_again),
    arg: ptr::null_mut(),
};

unsafe extern "C-unwind" {
    fn errcontext_msg(format: *const c_char, ...) -> c_int;
}

/// Runs `act`, which reads a relation whose name is given in the server's encoding.
pub fn reading<T>(relation: &CStr, act: impl FnOnce() -> T) -> T {
    if COPIES.get().is_null() {
        // SAFETY: a context that lives as long as the process.
        COPIES.set(unsafe {
            pg_sys::AllocSetContextCreateInternal(
                pg_sys::TopMemoryContext,
                c"pg_segrec copies of errors".as_ptr(),
                RESERVED,
                RESERVED,
                RESERVED,
            )
        });
    }
    KEPT.with_borrow_mut(|kept| kept.length = 0);
    // SAFETY: it stands on the stack while it lives, and is taken off by the guard before it ends.
    unsafe {
        let previous = pg_sys::error_context_stack;
        let arg = relation.as_ptr().cast_mut().cast::<c_void>();
        let mut callback = pg_sys::ErrorContextCallback { previous, callback: Some(keep), arg };
        pg_sys::error_context_stack = &raw mut callback;
        let _off = Off(previous);
        act()
    }
}

/// Removes the callback of [`reading`] from the stack.
struct Off(*mut pg_sys::ErrorContextCallback);

impl Drop for Off {
    fn drop(&mut self) {
        // SAFETY: what stood there before is still alive. A panic propagates to where it becomes an error, or is
        // caught.
        unsafe {
            pg_sys::error_context_stack = self.0;
            if std::thread::panicking() && KEPT.with_borrow(|kept| kept.length > 0) {
                AGAIN.previous = self.0;
                pg_sys::error_context_stack = &raw mut AGAIN;
            }
        }
    }
}

/// Called while an error is reported, after all inner callbacks.
#[pg_guard]
unsafe extern "C-unwind" fn keep(relation: *mut c_void) {
    // SAFETY: the argument is a NUL-terminated text. The copy is made in a context of ours with room for it, as
    // the error's own must not be current then, and is gone after it was looked at.
    unsafe {
        errcontext_msg(c"reading relation %s".as_ptr(), relation.cast::<c_char>());
        let before = pg_sys::MemoryContextSwitchTo(COPIES.get());
        let error = pg_sys::CopyErrorData();
        if (*error).elevel >= pgrx::PgLogLevel::ERROR as i32 && !(*error).context.is_null() {
            let context = CStr::from_ptr((*error).context).to_bytes();
            KEPT.with_borrow_mut(|kept| {
                kept.length = context.len().min(MOST - 1);
                kept.bytes[..kept.length].copy_from_slice(&context[..kept.length]);
                kept.bytes[kept.length] = 0;
            });
        }
        pg_sys::MemoryContextSwitchTo(before);
        pg_sys::MemoryContextReset(COPIES.get());
    }
}

/// Called while the error is reported again.
#[pg_guard]
unsafe extern "C-unwind" fn say_again(_argument: *mut c_void) {
    KEPT.with_borrow_mut(|kept| {
        if std::mem::take(&mut kept.length) > 0 {
            // SAFETY: the bytes are NUL-terminated.
            unsafe { errcontext_msg(c"%s".as_ptr(), kept.bytes.as_ptr()) };
        }
    });
}

/// Reports something else while an error is pending, without that error's CONTEXT.
pub fn apart<T>(say: impl FnOnce() -> T) -> T {
    // SAFETY: what stood on the stack before is still alive.
    unsafe {
        let before = pg_sys::error_context_stack;
        if std::ptr::eq(before, &raw const AGAIN) {
            pg_sys::error_context_stack = AGAIN.previous;
        }
        let said = say();
        pg_sys::error_context_stack = before;
        said
    }
}

/// Runs `act`, which catches errors, and returns the saved CONTEXT of the last one.
pub fn catching<T>(act: impl FnOnce() -> T) -> (T, Option<Vec<u8>>) {
    // SAFETY: what stands on the stack now is alive while this function runs.
    let before = unsafe { pg_sys::error_context_stack };
    let result = act();
    // SAFETY: as above.
    unsafe { pg_sys::error_context_stack = before };
    let context = KEPT.with_borrow_mut(|kept| {
        let length = std::mem::take(&mut kept.length);
        (length > 0).then(|| kept.bytes[..length].to_vec())
    });
    (result, context)
}
