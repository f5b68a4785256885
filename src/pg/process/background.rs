//! Dynamic background workers: PostgreSQL starts them on request, without preloading. Here they are started, and here
//! is what a worker does around its work.
//!
//! The session role of a worker is the role that was current when it was requested, never one with more rights. All of
//! each transaction runs as that role, including the commit with its deferred triggers. A cancel raises an error at the
//! next check for interrupts, and a shutdown ends the worker there.

use super::interrupts;
use super::lock::hold_kept;
use crate::pg::executor::error_context;
use crate::pg::security::rights::{current_role, may_connect};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, BackgroundWorkerStatus, DynamicBackgroundWorker,
};
use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::{IntoDatum, PgSqlErrorCode, PgTryBuilder, pg_sys};
use serde::{Deserialize, Serialize};
use std::ffi::{CStr, CString};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

/// The interval between checks for interrupts while a worker waits.
const LOOK: Duration = Duration::from_millis(50);

/// An error that was caught.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Whether it was a cancellation.
    pub cancelled: bool,
    /// The message, followed by DETAIL and HINT, if any, on lines of their own.
    pub text: String,
}

/// A started worker.
pub struct Started(DynamicBackgroundWorker);

impl Started {
    /// Whether the worker is not known to have ended.
    pub fn is_alive(&self) -> bool {
        !matches!(self.0.pid(), Err(BackgroundWorkerStatus::Stopped | BackgroundWorkerStatus::PostmasterDied))
    }
}

/// Starts a worker that calls `function` of this library with `order`, at most 127 bytes; `None` if the server has no
/// free slot.
pub fn start(function: &str, order: &str) -> Option<Started> {
    // SAFETY: set once when the backend connects to its database.
    let (database, pid) = unsafe { (pg_sys::MyDatabaseId, pg_sys::MyProcPid) };
    BackgroundWorkerBuilder::new("pg_segrec training")
        .set_type("pg_segrec training")
        .set_library("pg_segrec")
        .set_function(function)
        .enable_spi_access()
        .set_restart_time(None)
        .set_argument(database.into_datum())
        .set_extra(order)
        .set_notify_pid(pid)
        .load_dynamic()
        .ok()
        .map(Started)
}

/// The role as which a worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub role: u32,
    /// Whether the server would let the role connect to this database.
    pub connects: bool,
}

impl Identity {
    /// The current role.
    pub fn current() -> Self {
        Self::of(u32::from(current_role()))
    }

    /// The identity of a role, by its current rights.
    pub fn of(role: u32) -> Self {
        Self { role, connects: may_connect(role.into()) }
    }
}

/// The order that was passed to this worker.
pub fn order() -> &'static str {
    BackgroundWorker::get_extra()
}

unsafe extern "C-unwind" {
    /// PostgreSQL's handler of SIGTERM, declared with the type of a handler, which its binding does not have.
    #[link_name = "die"]
    fn terminate(signal: std::ffi::c_int);
}

/// Connects this worker to the database in its argument. Its session role becomes the given role; without one, the
/// worker runs as superuser and must execute only the catalog's own statements.
pub fn connect(database: pg_sys::Datum, identity: Option<Identity>) {
    // The right to log in has already been checked where it matters.
    #[cfg(not(any(feature = "pg14", feature = "pg15", feature = "pg16")))]
    let flags = pg_sys::BGWORKER_BYPASS_ROLELOGINCHECK;
    #[cfg(any(feature = "pg14", feature = "pg15", feature = "pg16"))]
    let flags = 0;
    // SAFETY: called once at the beginning of a background process, as bgworker.c asks. The handler sets flags
    // only; PostgreSQL's default for background processes would end them in the middle of whatever they do.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = terminate as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGTERM, &action, std::ptr::null_mut());
        pg_sys::BackgroundWorkerUnblockSignals();
        let database = pg_sys::Oid::from(database.value() as u32);
        match identity {
            Some(Identity { role, connects: true }) => {
                let role = pg_sys::Oid::from(role);
                pg_sys::BackgroundWorkerInitializeConnectionByOid(database, role, flags);
            }
            // A role that may not log in or connect to this database can still act on behalf of its members. Connect
            // without a role, which means as the bootstrap superuser.
            _ => pg_sys::BackgroundWorkerInitializeConnectionByOid(database, pg_sys::InvalidOid, 0),
        }
    }
    if let Some(Identity { role, connects: false }) = identity {
        become_role(role);
    }
}

/// Sets the session role of a worker that was connected without one. Must be called before any code of users runs;
/// later code cannot revert it (`Role`).
pub fn become_role(role: u32) {
    let role = pg_sys::Oid::from(role);
    // SAFETY: no transaction is open, and the process is a superuser's until here.
    unsafe {
        pg_sys::StartTransactionCommand();
        pg_sys::SetSessionAuthorization(role, pg_sys::superuser_arg(role));
        pg_sys::CommitTransactionCommand();
    }
}

/// Runs `act` after the transaction has been committed and others see its changes; it must not fail.
pub fn at_commit(act: impl FnOnce() + std::panic::UnwindSafe + std::panic::RefUnwindSafe + 'static) {
    pgrx::register_xact_callback(pgrx::PgXactCallbackEvent::Commit, act);
}

/// Changes a setting of this process.
pub fn set(name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (CString::new(name), CString::new(value)) {
        // SAFETY: both are NUL-terminated.
        unsafe {
            pg_sys::SetConfigOption(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
            );
        }
    }
}

/// Waits for the given time; interrupts end the process.
pub fn pause(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::thread::sleep(LOOK);
        pgrx::check_for_interrupts!();
    }
}

/// Shows in `pg_stat_activity` what this process does.
pub fn show(activity: &str) {
    if let Ok(activity) = CString::new(activity) {
        // SAFETY: the text is NUL-terminated and is copied.
        unsafe { pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, activity.as_ptr()) };
    }
}

/// Runs `act` in a transaction of its own, as `role` including commit or abort; an error rolls it back and is returned.
pub fn transaction<T>(role: u32, act: impl FnOnce() -> T) -> Result<T, Failure> {
    let mut held = None;
    attempt(|| {
        // SAFETY: no transaction is open: the process opens them here only, one after the other.
        unsafe {
            pg_sys::SetCurrentStatementStartTimestamp();
            pg_sys::StartTransactionCommand();
        }
        held = Some(Role::new(role));
        hold_kept();
        // SAFETY: of the transaction begun above. Deferred triggers and cursors WITH HOLD run within the commit.
        unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
        let result = act();
        // SAFETY: as above.
        unsafe {
            pg_sys::PopActiveSnapshot();
            pg_sys::CommitTransactionCommand();
        }
        result
    })
}

/// Runs `act`; an error aborts the transaction, if any, and is returned.
pub fn attempt<T>(act: impl FnOnce() -> T) -> Result<T, Failure> {
    let (mut result, context) = error_context::catching(|| {
        PgTryBuilder::new(AssertUnwindSafe(|| Ok(act()))).catch_others(|error| Err(failure(&error))).execute()
    });
    if let Err(failure) = &mut result {
        if let Some(context) = context {
            failure.text.push_str(&format!("\nCONTEXT: {}", String::from_utf8_lossy(&context)));
        }
        // SAFETY: there may be no transaction; what an error leaves besides is as at the start of a session.
        interrupts::after(|| unsafe { pg_sys::AbortOutOfAnyTransaction() });
    }
    result
}

/// Runs `act`, and passes the SQLSTATE and message of an error to `tell` before it propagates.
pub fn telling<T>(tell: impl FnOnce(&str, &str), act: impl FnOnce() -> T) -> T {
    let mut tell = AssertUnwindSafe(Some(tell));
    PgTryBuilder::new(AssertUnwindSafe(act))
        .catch_others(move |error| {
            let report = report_of(&error);
            // SAFETY: gives a text of five characters in memory of its own, until it is called again.
            let code = unsafe { CStr::from_ptr(pg_sys::unpack_sql_state(report.sql_error_code() as i32)) };
            if let Some(tell) = tell.take() {
                error_context::apart(|| tell(&code.to_string_lossy(), report.message()));
            }
            error.rethrow()
        })
        .execute()
}

fn report_of(error: &CaughtError) -> &ErrorReportWithLevel {
    let (CaughtError::PostgresError(report)
    | CaughtError::ErrorReport(report)
    | CaughtError::RustPanic { ereport: report, .. }) = error;
    report
}

fn failure(error: &CaughtError) -> Failure {
    let report = report_of(error);
    let mut text = report.message().to_owned();
    for (label, more) in [("DETAIL", report.detail()), ("HINT", report.hint())] {
        if let Some(more) = more {
            text.push_str(&format!("\n{label}: {more}"));
        }
    }
    Failure { cancelled: report.sql_error_code() == PgSqlErrorCode::ERRCODE_QUERY_CANCELED, text }
}

/// Sets the current role of a transaction, which code within it cannot change (`SECURITY_LOCAL_USERID_CHANGE`). Reset
/// after the transaction has ended.
struct Role {
    user: pg_sys::Oid,
    context: i32,
}

impl Role {
    fn new(role: u32) -> Self {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        // SAFETY: both out-pointers are valid; a transaction is open.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            let local = context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32;
            pg_sys::SetUserIdAndSecContext(pg_sys::Oid::from(role), local);
        }
        Self { user, context }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // SAFETY: undoes `new`; an abort has set the same before.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}

/// Cancels the work of a process, as `pg_cancel_backend` does.
pub fn cancel(pid: i32) {
    // The process held a lock of ours. If it has ended meanwhile there is nothing to do, so ignore the error.
    let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
}
