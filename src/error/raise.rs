//! Raises errors, and sends notices and warnings.

use super::Result;
use super::report::Report;
use crate::pg::datums::encoding;
use crate::pg::process::interrupts;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode, function_name};

/// Returns the value, or raises the error.
pub fn or_raise<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            let Report { code, message, detail, hint } = error.into_report();
            said(code, message, detail, hint).report(PgLogLevel::ERROR);
            unreachable!("an error report of level ERROR does not return")
        }
    }
}

/// Sends a NOTICE with DETAIL and HINT.
pub fn notice(message: String, detail: Option<String>, hint: Option<String>) {
    say(PgLogLevel::NOTICE, message, detail, hint);
}

/// Sends a WARNING with DETAIL and HINT.
pub fn warning(message: String, detail: Option<String>, hint: Option<String>) {
    say(PgLogLevel::WARNING, message, detail, hint);
}

fn say(level: PgLogLevel, message: String, detail: Option<String>, hint: Option<String>) {
    let report = said(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, detail, hint);
    interrupts::after(|| report.report(level));
}

/// Writes a line to the server log.
pub fn log(message: String) {
    let report = said(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, None, None);
    interrupts::after(|| report.report(PgLogLevel::LOG));
}

/// The maximum number of bytes of a message, DETAIL or HINT, which may quote an argument of up to a gigabyte.
const LONGEST: usize = 8000;

/// Builds a report in the server's encoding.
fn said(code: PgSqlErrorCode, message: String, detail: Option<String>, hint: Option<String>) -> ErrorReport {
    let mut report = ErrorReport::new(code, spoken(message), function_name!());
    if let Some(detail) = detail {
        report = report.set_detail(spoken(detail));
    }
    if let Some(hint) = hint {
        report = report.set_hint(spoken(hint));
    }
    report
}

fn spoken(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push_str(" …");
    }
    encoding::message(text)
}
