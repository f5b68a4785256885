//! Threads beside PostgreSQL: a pool whose threads block every signal and never call into
//! PostgreSQL, while the backend's own thread keeps hearing interrupts.

use pgrx::pg_sys;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use segrec_engine::{Observer, Progress};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the backend's thread waits between looks at its interrupts.
const PATIENCE: Duration = Duration::from_millis(20);

/// A pool of threads, which have ended when it is dropped.
pub struct Workers {
    pool: Option<ThreadPool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Workers {
    fn drop(&mut self) {
        // The threads end once their pool is gone.
        drop(self.pool.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Hears interrupts on the backend's own thread.
struct Interrupts;

impl Observer for Interrupts {
    fn report(&self, _: Progress) {}

    fn is_cancelled(&self) -> bool {
        // SAFETY: signal handlers set them, this thread reads them.
        unsafe { pg_sys::QueryCancelPending != 0 || pg_sys::ProcDiePending != 0 }
    }
}

/// Runs `work` on this thread. An interrupt that raises an error first stops the work.
pub fn run_alone<T>(work: impl FnOnce(&dyn Observer) -> T) -> T {
    let result = work(&Interrupts);
    pg_sys::check_for_interrupts!();
    result
}

/// All signals blocked in the calling thread; restores the mask when dropped.
struct SignalsBlocked {
    previous: libc::sigset_t,
}

impl SignalsBlocked {
    fn new() -> Self {
        // SAFETY: both sets are valid for the calls; a zeroed sigset_t is a valid value to overwrite.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut previous: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut previous);
            Self { previous }
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the mask was filled by `new`.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.previous, std::ptr::null_mut()) };
    }
}

/// What the threads tell the backend: progress through a channel, and hear: whether to stop.
struct Messenger<'a> {
    begin: Instant,
    sender: mpsc::SyncSender<Progress>,
    cancelled: &'a AtomicBool,
}

impl Observer for Messenger<'_> {
    fn report(&self, progress: Progress) {
        // A full channel or a backend that stopped listening costs a report, nothing else.
        let _ = self.sender.try_send(progress);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn seconds(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }
}

/// Tells the threads to stop when the backend leaves early, by an error.
struct CancelOnDrop<'a>(&'a AtomicBool);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Workers {
    /// A pool of `threads` threads that inherit and keep a mask of all signals.
    ///
    /// # Errors
    /// Where the operating system gives no more threads.
    pub fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let _blocked = SignalsBlocked::new();
        let mut handles = Vec::with_capacity(threads);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .start_handler(|_| std::mem::forget(SignalsBlocked::new()))
            .spawn_handler(|thread| {
                let name = format!("segrec {}", thread.index());
                handles.push(std::thread::Builder::new().name(name).spawn(|| thread.run())?);
                Ok(())
            })
            .build()?;
        Ok(Self { pool: Some(pool), threads: handles })
    }

    /// Runs `work` on the pool. Meanwhile this thread passes progress to `progress` and processes
    /// interrupts; an interrupt that raises an error first stops the work and waits for it.
    pub fn run<T: Send>(
        &self,
        work: impl FnOnce(&dyn Observer) -> T + Send,
        mut progress: impl FnMut(Progress),
    ) -> Option<T> {
        let cancelled = AtomicBool::new(false);
        let (sender, receiver) = mpsc::sync_channel(1024);
        let mut result = None;
        let slot = &mut result;
        let pool = self.pool.as_ref()?;
        pool.in_place_scope(|scope| {
            let _cancel = CancelOnDrop(&cancelled);
            let messenger = Messenger { begin: Instant::now(), sender, cancelled: &cancelled };
            scope.spawn(move |_| *slot = Some(work(&messenger)));
            loop {
                match receiver.recv_timeout(PATIENCE) {
                    Ok(report) => progress(report),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                pg_sys::check_for_interrupts!();
            }
        });
        result
    }
}
