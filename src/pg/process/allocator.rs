//! The global allocator: the system's, with a fallback if it fails. Rust's default is to abort, upon which PostgreSQL
//! terminates all sessions of the server.
//!
//! - Fallible requests (`segrec_engine::memory`) fail, and their callers raise an error.
//! - A small request, and those that follow, are served from a reserve mapped when the library is loaded. Work that
//!   checks for interrupts notices this and stops, and the statement fails ([`check`]). Meanwhile PostgreSQL can use
//!   some slack that is unmapped at that moment; without it, PostgreSQL could not copy an error and would crash the
//!   server.
//! - No recovery is possible from any other failure, since an allocator must not unwind. The session ends with a FATAL
//!   error of SQLSTATE 53200, as upon `pg_terminate_backend`; other sessions go on. A worker thread waits forever, and
//!   the backend's own thread ([`leave_if_asked`]) exits once all others sleep, so that none uses what is being torn
//!   down.

use super::memory::no_memory;
use crate::error::{SegrecError, or_raise};
use pgrx::pg_sys;
use segrec_engine::memory::is_asking;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The size of the reserve in bytes; between two checks for interrupts, a hundred threads make fewer small requests.
const RESERVE: usize = 8 << 20;
/// Bytes returned to the system while memory is short, for PostgreSQL's own allocations.
const SLACK: usize = 2 << 20;
/// Bytes returned to the system before the session ends, for PostgreSQL's cleanup.
const FAREWELL: usize = 2 << 20;
/// The maximum size of a request served from the reserve.
const SMALL: usize = 1 << 20;
/// How long an ending session waits for its threads to sleep; they check for it every few milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// The maximum number of threads to wait for.
const MOST_THREADS: usize = 4096;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;
static FIRST: AtomicUsize = AtomicUsize::new(0);
static LAST: AtomicUsize = AtomicUsize::new(0);
/// The number of outstanding requests served from the reserve (upper half), and the bytes given out (lower half). Both
/// are reset when all requests have been freed.
static OUT: AtomicU64 = AtomicU64::new(0);
/// Whether the reserve was used.
static SHORT: AtomicBool = AtomicBool::new(false);
/// The address of the slack; 0 while it is unmapped.
static SLACK_AT: AtomicUsize = AtomicUsize::new(0);
/// The size of the failed request because of which the session must end; 0 if there is none.
static LEAVING: AtomicUsize = AtomicUsize::new(0);
static THREADS: [AtomicI32; MOST_THREADS] = [const { AtomicI32::new(0) }; MOST_THREADS];

struct Allocator;

// SAFETY: memory is the system's, or a part of the reserve that is not given out again until it is freed.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if SHORT.load(Ordering::Relaxed) {
            return while_short(layout);
        }
        let given = unsafe { System.alloc(layout) };
        if given.is_null() { instead(layout) } else { given }
    }

    #[inline]
    unsafe fn dealloc(&self, given: *mut u8, layout: Layout) {
        if is_reserve(given) { put_back() } else { unsafe { System.dealloc(given, layout) } }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let is_short = SHORT.load(Ordering::Relaxed);
        let given = if is_short { while_short(layout) } else { unsafe { System.alloc_zeroed(layout) } };
        if !given.is_null() && !is_short {
            return given;
        }
        let given = if given.is_null() { instead(layout) } else { given };
        if !given.is_null() {
            unsafe { given.write_bytes(0, layout.size()) };
        }
        given
    }

    #[inline]
    unsafe fn realloc(&self, given: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_reserve(given) {
            let moved = unsafe { System.realloc(given, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        unsafe {
            let layout_now = Layout::from_size_align_unchecked(size, layout.align());
            let moved = if is_reserve(given) { self.alloc(layout_now) } else { instead(layout_now) };
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(given, layout.size().min(size));
                self.dealloc(given, layout);
            }
            moved
        }
    }
}

/// Maps the reserve; called when the library is loaded.
pub fn reserve() {
    // SAFETY: creates a new mapping.
    let start = unsafe { map(RESERVE + FAREWELL) };
    if start == libc::MAP_FAILED {
        let needed = (RESERVE + FAREWELL) as u64;
        or_raise(Err(no_memory("the reserve of a session", needed)))
    }
    FIRST.store(start as usize, Ordering::Relaxed);
    LAST.store(start as usize + RESERVE, Ordering::Relaxed);
    recover();
}

unsafe fn map(bytes: usize) -> *mut c_void {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) }
}

#[inline]
fn is_reserve(given: *mut u8) -> bool {
    let address = given as usize;
    address >= FIRST.load(Ordering::Relaxed) && address < LAST.load(Ordering::Relaxed)
}

/// Handles a failed request.
#[cold]
fn instead(layout: Layout) -> *mut u8 {
    if is_asking() {
        return std::ptr::null_mut();
    }
    if let Some(given) = take(layout) {
        if !SHORT.swap(true, Ordering::Relaxed) {
            let slack = SLACK_AT.swap(0, Ordering::Relaxed);
            if slack != 0 {
                // SAFETY: the slack is ours, and nobody else took it.
                unsafe { libc::munmap(slack as *mut c_void, SLACK) };
            }
        }
        return given;
    }
    if !is_backend() {
        LEAVING.store(layout.size().max(1), Ordering::SeqCst);
        loop {
            // SAFETY: waits for a signal, and all are blocked in this thread.
            unsafe { libc::pause() };
        }
    }
    let _ = LEAVING.compare_exchange(0, layout.size().max(1), Ordering::SeqCst, Ordering::Relaxed);
    leave();
    // The session is already ending, and needs more memory for that than was returned to the system.
    std::ptr::null_mut()
}

/// Serves a small request from the reserve, so that the slack is left to PostgreSQL.
#[cold]
fn while_short(layout: Layout) -> *mut u8 {
    if layout.size() <= SMALL && !is_asking() {
        return instead(layout);
    }
    // SAFETY: the caller's layout.
    let given = unsafe { System.alloc(layout) };
    if given.is_null() { instead(layout) } else { given }
}

/// Ends the shortage of memory.
fn recover() {
    SHORT.store(false, Ordering::Relaxed);
    if SLACK_AT.load(Ordering::Relaxed) == 0 {
        // SAFETY: creates a new mapping.
        let start = unsafe { map(SLACK) };
        if start != libc::MAP_FAILED {
            SLACK_AT.store(start as usize, Ordering::Relaxed);
        }
    }
}

fn take(layout: Layout) -> Option<*mut u8> {
    let first = FIRST.load(Ordering::Relaxed);
    if layout.size() > SMALL || first == 0 {
        return None;
    }
    let mut place = 0;
    let taken = OUT.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |out| {
        let used = (out & u64::from(u32::MAX)) as usize;
        place = (first + used).next_multiple_of(layout.align());
        let used = place + layout.size() - first;
        (used <= RESERVE).then_some((((out >> 32) + 1) << 32) | used as u64)
    });
    taken.ok().map(|_| place as *mut u8)
}

fn put_back() {
    let less = |out: u64| {
        let requests = (out >> 32) - 1;
        Some(if requests == 0 { 0 } else { requests << 32 | out & u64::from(u32::MAX) })
    };
    let _ = OUT.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
}

/// Ends a shortage if all requests served from the reserve have been freed; called before work begins.
pub fn begin() {
    if SLACK_AT.load(Ordering::Relaxed) == 0 && OUT.load(Ordering::Relaxed) == 0 {
        recover();
    }
}

/// Whether memory is so short that work must stop.
pub fn is_short() -> bool {
    SHORT.load(Ordering::Relaxed) || LEAVING.load(Ordering::Relaxed) != 0
}

/// Raises an error if memory is short. Called on the backend's own thread while no others work.
pub fn check() {
    // The next work maps the slack again: PostgreSQL needs it until the statement has ended.
    if SHORT.load(Ordering::Relaxed) && SHORT.swap(false, Ordering::Relaxed) {
        or_raise(Err(SegrecError::MemoryGone))
    }
}

/// Ends the session if a thread has requested that. Called on the backend's own thread.
pub fn leave_if_asked() {
    if LEAVING.load(Ordering::Relaxed) != 0 {
        leave();
    }
}

/// Whether the session is ending, with threads that wait forever.
pub fn is_leaving() -> bool {
    LEAVING.load(Ordering::Relaxed) != 0
}

fn is_backend() -> bool {
    // SAFETY: both only tell a number.
    unsafe { libc::getpid() == own_thread() }
}

fn own_thread() -> i32 {
    // SAFETY: tells a number.
    unsafe { libc::syscall(libc::SYS_gettid) as i32 }
}

/// The registration of a worker thread, from its start to its end.
pub struct Thread(usize);

impl Thread {
    /// Registers the calling thread.
    pub fn begin() -> Self {
        let free = |place: &AtomicI32| {
            place.compare_exchange(0, own_thread(), Ordering::SeqCst, Ordering::Relaxed).is_ok()
        };
        Self(THREADS.iter().position(free).unwrap_or(MOST_THREADS))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(place) = THREADS.get(self.0) {
            place.store(0, Ordering::SeqCst);
        }
    }
}

/// Waits until two consecutive checks find every other registered thread asleep.
fn wait_for_threads() {
    let pause = Duration::from_millis(20);
    let mut quiet = 0;
    for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
        let sleeping = THREADS.iter().all(|thread| match thread.load(Ordering::SeqCst) {
            0 => true,
            id => is_asleep(id),
        });
        quiet = if sleeping { quiet + 1 } else { 0 };
        if quiet == 2 {
            return;
        }
        std::thread::sleep(pause);
    }
}

/// Whether a thread of this process sleeps or has ended. Allocates nothing.
fn is_asleep(thread: i32) -> bool {
    let mut path = Cursor::new([0u8; 64]);
    let mut text = [0u8; 256];
    if write!(path, "/proc/self/task/{thread}/stat\0").is_err() {
        return true;
    }
    // SAFETY: the path is NUL-terminated, and the buffer has its length.
    let length = unsafe {
        let file = libc::open(path.get_ref().as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return true;
        }
        let length = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        length
    };
    // The state follows the name, which is in parentheses.
    let text = &text[..usize::try_from(length).unwrap_or(0)];
    let state = text.iter().rposition(|&byte| byte == b')').and_then(|end| text.get(end + 2));
    state.is_none_or(|state| matches!(state, b'S' | b'Z' | b'X'))
}

unsafe extern "C-unwind" {
    fn errstart(level: c_int, domain: *const c_char) -> bool;
    fn errcode(code: c_int) -> c_int;
    fn errmsg(format: *const c_char, ...) -> c_int;
    fn errdetail(format: *const c_char, ...) -> c_int;
    fn errhint(format: *const c_char, ...) -> c_int;
    fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
}

/// Ends the session; returns only if that has already begun. Called within an allocation: PostgreSQL does not return
/// from a FATAL error, so no frame is left inconsistent, and nothing here allocates Rust memory.
fn leave() {
    static HAS_BEGUN: AtomicBool = AtomicBool::new(false);
    const FILE: &CStr = c"allocator.rs";
    if HAS_BEGUN.swap(true, Ordering::SeqCst) {
        return;
    }
    wait_for_threads();
    // SAFETY: this is the backend's own thread; the farewell is ours and nobody has it. Formats take what follows.
    unsafe {
        libc::munmap(LAST.load(Ordering::Relaxed) as *mut c_void, FAREWELL);
        if errstart(pg_sys::FATAL as c_int, std::ptr::null()) {
            errcode(pgrx::PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY as c_int);
            errmsg(c"terminating the session because the system provides no more memory".as_ptr());
            let bytes = LEAVING.load(Ordering::Relaxed) as u64;
            errdetail(
                c"An allocation of %llu bytes failed where an error could not be raised.".as_ptr(),
                bytes,
            );
            errhint(
                c"Raise the limit of the process (ulimit -v) or of the system, or process fewer rows."
                    .as_ptr(),
            );
            errfinish(FILE.as_ptr(), line!() as c_int, c"leave".as_ptr());
        }
        // Unreachable: errfinish exits the process at this level.
        libc::abort()
    }
}
