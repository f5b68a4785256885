//! The allocator of the library: the system's, and what happens where that gives nothing. Rust's own answer is to
//! abort, after which PostgreSQL ends every session of the server.
//!
//! - Who asked in a way that can fail (`segrec_engine::memory`) is refused, and raises an error.
//! - A small request is served from a reserve, which is mapped when the library is loaded, and so are the next ones; work
//!   that looks at interrupts hears of it, stops, and the statement ends with an error ([`check`]). Meanwhile PostgreSQL
//!   has some slack, which is unmapped at that moment: where it cannot copy an error, it ends the server too.
//! - For anything else there is no way back: an allocator must not unwind. The session ends with a FATAL error of
//!   SQLSTATE 53200, as it would at `pg_terminate_backend`, and the others go on. A thread beside the backend's own waits
//!   where it is, and the backend's ([`leave_if_asked`]) leaves once the others sleep, so that nobody works on what is taken
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

/// Bytes of the reserve: between two looks at interrupts, a hundred threads ask for less in small requests.
const RESERVE: usize = 8 << 20;
/// What is given back while memory is short, for what PostgreSQL itself asks for.
const SLACK: usize = 2 << 20;
/// What is given back before a session leaves, for what PostgreSQL itself does at its end.
const FAREWELL: usize = 2 << 20;
/// The largest request that the reserve serves.
const SMALL: usize = 1 << 20;
/// How long a session that leaves waits for its threads to sleep: they look for it every few milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Threads that are waited for.
const MOST_THREADS: usize = 4096;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;
static FIRST: AtomicUsize = AtomicUsize::new(0);
static LAST: AtomicUsize = AtomicUsize::new(0);
/// Requests that the reserve serves (upper half) and bytes that it has given out (lower half): these start again once
/// all requests are given back.
static OUT: AtomicU64 = AtomicU64::new(0);
/// Whether the reserve was needed.
static SHORT: AtomicBool = AtomicBool::new(false);
/// Where the slack is mapped; 0 where it is given back.
static SLACK_AT: AtomicUsize = AtomicUsize::new(0);
/// Bytes for which the session has to leave; 0 while it has not.
static LEAVING: AtomicUsize = AtomicUsize::new(0);
static THREADS: [AtomicI32; MOST_THREADS] = [const { AtomicI32::new(0) }; MOST_THREADS];

struct Allocator;

// SAFETY: memory is the system's, or a part of the reserve that nobody else has until it is given back.
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
    // SAFETY: a new mapping that nobody else has.
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

/// What is done where the system gives nothing.
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
    // The session is on its way out already, and what it does there needs more than it gave back.
    std::ptr::null_mut()
}

/// A small request goes to the reserve, so that PostgreSQL keeps the slack.
#[cold]
fn while_short(layout: Layout) -> *mut u8 {
    if layout.size() <= SMALL && !is_asking() {
        return instead(layout);
    }
    // SAFETY: the caller's layout.
    let given = unsafe { System.alloc(layout) };
    if given.is_null() { instead(layout) } else { given }
}

/// Memory is short no more.
fn recover() {
    SHORT.store(false, Ordering::Relaxed);
    if SLACK_AT.load(Ordering::Relaxed) == 0 {
        // SAFETY: a new mapping that nobody else has.
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

/// Forgets that memory was short where all that the reserve gave is back: called before work begins.
pub fn begin() {
    if SLACK_AT.load(Ordering::Relaxed) == 0 && OUT.load(Ordering::Relaxed) == 0 {
        recover();
    }
}

/// Whether memory is so short that work has to stop.
pub fn is_short() -> bool {
    SHORT.load(Ordering::Relaxed) || LEAVING.load(Ordering::Relaxed) != 0
}

/// An error where memory is short: on the backend's own thread, with no others at work.
pub fn check() {
    // The slack is mapped again by the next work that begins: PostgreSQL needs it while the statement ends.
    if SHORT.load(Ordering::Relaxed) && SHORT.swap(false, Ordering::Relaxed) {
        or_raise(Err(SegrecError::MemoryGone))
    }
}

/// Ends the session where a thread waits for that: on the backend's own thread.
pub fn leave_if_asked() {
    if LEAVING.load(Ordering::Relaxed) != 0 {
        leave();
    }
}

/// Whether the session is on its way out, with threads that will never end.
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

/// A thread of ours from its start to its end.
pub struct Thread(usize);

impl Thread {
    /// The calling thread, beside the backend's own.
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

/// Waits until every other thread of ours sleeps, in two looks one after the other.
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

/// Whether a thread of this process sleeps or is gone. It takes no memory.
fn is_asleep(thread: i32) -> bool {
    let mut path = Cursor::new([0u8; 64]);
    let mut text = [0u8; 256];
    if write!(path, "/proc/self/task/{thread}/stat\0").is_err() {
        return true;
    }
    // SAFETY: the path ends with a zero byte, and the buffer has its length.
    let length = unsafe {
        let file = libc::open(path.get_ref().as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return true;
        }
        let length = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        length
    };
    // The state follows the name, which stands in parentheses.
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

/// Ends the session; returns only where that has begun before. It runs in the middle of an allocation: PostgreSQL does
/// not return from a FATAL error, so no frame is left halfway, and nothing here needs memory of ours.
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
            errmsg(c"the session ends, as the system gives no more memory".as_ptr());
            let bytes = LEAVING.load(Ordering::Relaxed) as u64;
            errdetail(c"%llu more bytes were asked for, and there was no way back".as_ptr(), bytes);
            errhint(
                c"raise the limit of the process (ulimit -v) or of the system, or work on fewer rows"
                    .as_ptr(),
            );
            errfinish(FILE.as_ptr(), line!() as c_int, c"leave".as_ptr());
        }
        // Not reached: errfinish ends the process at this level.
        libc::abort()
    }
}
