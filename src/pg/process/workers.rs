//! A thread pool beside PostgreSQL. Its threads block all signals and never call PostgreSQL, while the backend's own
//! thread continues to process interrupts.

use super::allocator::{self, Thread};
use super::memory;
use crate::error::{Result, SegrecError};
use nix::sys::signal::{SigSet, SigmaskHow};
use pgrx::pg_sys;
use rayon::{ThreadPool, ThreadPoolBuilder};
use segrec_engine::{Observer, Progress};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The interval between checks for interrupts on the backend's thread.
const PATIENCE: Duration = Duration::from_millis(20);

/// Memory per thread: a stack of 2 MB, and what the C library allocates at its start, where a failure would abort the
/// process.
const THREAD_BYTES: usize = 3 << 20;

/// A pool of threads, which end before it is dropped.
pub struct Workers {
    pool: Option<ThreadPool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Workers {
    fn drop(&mut self) {
        if allocator::is_leaving() {
            // One of them waits for the end of the process.
            std::mem::forget(self.pool.take());
            return;
        }
        // The threads end once their pool is dropped.
        drop(self.pool.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// An observer that processes interrupts on the backend's own thread.
struct Interrupts;

impl Observer for Interrupts {
    fn report(&self, _: Progress) {}

    fn is_cancelled(&self) -> bool {
        is_asked_to_stop() || allocator::is_short()
    }
}

/// Whether an interrupt is pending that ends the statement or the session.
pub fn is_asked_to_stop() -> bool {
    // SAFETY: signal handlers set them, this thread reads them.
    unsafe { pg_sys::QueryCancelPending != 0 || pg_sys::ProcDiePending != 0 }
}

/// Processes interrupts. A cancel, or a shortage of memory, raises an error.
pub fn look() {
    pg_sys::check_for_interrupts!();
    allocator::check();
}

/// Runs `work` on this thread. If an interrupt would raise an error, stops the work first.
pub fn run_alone<T>(work: impl FnOnce(&dyn Observer) -> T) -> T {
    allocator::begin();
    let result = work(&Interrupts);
    look();
    result
}

/// Makes this thread the only one of rayon's global pool. What is computed in parallel outside of [`Workers`] then runs
/// here; otherwise the first such computation would start threads that take the signals of the server.
pub fn keep_to_this_thread() {
    // The pool is already there if the library was loaded before the server started this process.
    let _ = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
}

/// Blocks all signals in the calling thread; restores the mask when dropped.
struct SignalsBlocked {
    /// The previous mask; `None` if nothing was changed.
    previous: Option<SigSet>,
}

impl SignalsBlocked {
    fn new() -> Self {
        Self { previous: SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).ok() }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        let _ = self.previous.map(|previous| previous.thread_set_mask());
    }
}

/// Connects the threads with the backend: sends progress through a channel, and receives the request to stop.
struct Messenger<'a> {
    begin: Instant,
    sender: mpsc::SyncSender<Progress>,
    cancelled: &'a AtomicBool,
}

impl Observer for Messenger<'_> {
    fn report(&self, progress: Progress) {
        // If the channel is full or the backend no longer listens, only this report is lost.
        let _ = self.sender.try_send(progress);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || allocator::is_short()
    }

    fn seconds(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }
}

impl Workers {
    /// Creates a pool of `threads` threads, which inherit a mask that blocks all signals.
    ///
    /// # Errors
    /// [`SegrecError::Threads`], [`SegrecError::NoMemoryFor`] if the operating system provides no more threads, or no
    /// memory for them.
    pub fn new(threads: usize) -> Result<Self> {
        memory::ask("a pool of threads", threads * THREAD_BYTES)?;
        let _blocked = SignalsBlocked::new();
        let mut handles = Vec::with_capacity(threads);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .start_handler(|_| std::mem::forget(SignalsBlocked::new()))
            .spawn_handler(|thread| {
                let name = format!("segrec {}", thread.index());
                let run = || {
                    let _begun = Thread::begin();
                    thread.run();
                };
                handles.push(std::thread::Builder::new().name(name).spawn(run)?);
                Ok(())
            })
            .build()
            .map_err(|error| SegrecError::Threads(error.to_string()))?;
        Ok(Self { pool: Some(pool), threads: handles })
    }

    /// Runs `work` on the pool. Meanwhile this thread passes progress to `progress` and processes interrupts. If one
    /// would raise an error or end the session, stops the work and waits for it first.
    pub fn run<T: Send>(
        &self,
        work: impl FnOnce(&dyn Observer) -> T + Send,
        mut progress: impl FnMut(Progress),
    ) -> Result<T> {
        let cancelled = AtomicBool::new(false);
        let (sender, receiver) = mpsc::sync_channel(1024);
        let (mut result, mut raised) = (None, None);
        let slot = &mut result;
        let ended = || SegrecError::Threads("They ended without a result.".to_owned());
        let pool = self.pool.as_ref().ok_or_else(ended)?;
        allocator::begin();
        pool.in_place_scope(|scope| {
            let messenger = Messenger { begin: Instant::now(), sender, cancelled: &cancelled };
            scope.spawn(move |_| *slot = Some(work(&messenger)));
            loop {
                let report = receiver.recv_timeout(PATIENCE);
                allocator::leave_if_asked();
                if report == Err(RecvTimeoutError::Disconnected) {
                    break;
                }
                if is_asked_to_stop() {
                    cancelled.store(true, Ordering::Relaxed);
                }
                if cancelled.load(Ordering::Relaxed) {
                    continue;
                }
                let hear = || {
                    report.into_iter().for_each(&mut progress);
                    pg_sys::check_for_interrupts!();
                };
                if let Err(error) = catch_unwind(AssertUnwindSafe(hear)) {
                    raised = Some(error);
                    cancelled.store(true, Ordering::Relaxed);
                }
            }
        });
        if let Some(error) = raised {
            resume_unwind(error);
        }
        look();
        result.ok_or_else(ended)
    }
}
