//! Memory contexts with small blocks. A context that has grown requests a megabyte when a few bytes are missing. If the
//! system has no more memory, PostgreSQL cannot even store the error, and crashes the server. In a context with small
//! blocks an error takes eight kilobytes.

use pgrx::pg_sys;

/// A guard: while it lives, the current memory context is a new one with small blocks, a child of the previous one.
/// What is allocated in it lives as long as that one.
pub struct SmallBlocks {
    before: pg_sys::MemoryContext,
}

impl SmallBlocks {
    /// Creates the context and makes it current.
    pub fn new() -> Self {
        // SAFETY: the context that is current is alive, and so is one below it.
        unsafe {
            let context = pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"pg_segrec value".as_ptr(),
                pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                pg_sys::ALLOCSET_SMALL_MAXSIZE as usize,
            );
            Self { before: pg_sys::MemoryContextSwitchTo(context) }
        }
    }

    /// Frees everything that was allocated in the context.
    pub fn free(self) {
        // SAFETY: the context is the one made by `new`, and nobody looks into it any more.
        unsafe {
            let context = pg_sys::MemoryContextSwitchTo(self.before);
            pg_sys::MemoryContextDelete(context);
        }
        std::mem::forget(self);
    }
}

impl Drop for SmallBlocks {
    fn drop(&mut self) {
        // SAFETY: undoes `new`; the context before is still alive.
        unsafe { pg_sys::MemoryContextSwitchTo(self.before) };
    }
}
