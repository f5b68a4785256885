//! Errors and notices on their way out.

use super::Result;
use super::report::Report;
use crate::pg::interrupts;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode, function_name};

/// The value, or an SQL error.
pub fn or_raise<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            let Report { code, message, detail, hint } = error.into_report();
            let mut report = ErrorReport::new(code, message, function_name!());
            if let Some(detail) = detail {
                report = report.set_detail(detail);
            }
            if let Some(hint) = hint {
                report = report.set_hint(hint);
            }
            report.report(PgLogLevel::ERROR);
            unreachable!("an error report of level ERROR does not return")
        }
    }
}

/// A NOTICE with DETAIL and HINT.
pub fn notice(message: String, detail: Option<String>, hint: Option<String>) {
    say(PgLogLevel::NOTICE, message, detail, hint);
}

/// A WARNING with DETAIL and HINT.
pub fn warning(message: String, detail: Option<String>, hint: Option<String>) {
    say(PgLogLevel::WARNING, message, detail, hint);
}

fn say(level: PgLogLevel, message: String, detail: Option<String>, hint: Option<String>) {
    let mut report =
        ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, function_name!());
    if let Some(detail) = detail {
        report = report.set_detail(detail);
    }
    if let Some(hint) = hint {
        report = report.set_hint(hint);
    }
    interrupts::after(|| report.report(level));
}

/// A line in the server's log.
pub fn log(message: String) {
    let report = ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, function_name!());
    interrupts::after(|| report.report(PgLogLevel::LOG));
}
