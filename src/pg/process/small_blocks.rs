//! Memory contexts of small blocks. A context that has grown asks for a megabyte where a few bytes are missing; if the
//! system has none, PostgreSQL cannot even keep the error that says so, and ends the server. In a context of small blocks
//! an error takes eight kilobytes.

use pgrx::pg_sys;

/// While it lives, the current memory context is a new one of small blocks, below the one before. What was made in it lives
/// as long as that one.
pub struct SmallBlocks {
    before: pg_sys::MemoryContext,
}

impl SmallBlocks {
    /// Makes the context current.
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

    /// Frees what was made in it.
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
        // SAFETY: undoes `new`; the context before is alive still.
        unsafe { pg_sys::MemoryContextSwitchTo(self.before) };
    }
}
