//! Errors and notices on their way out.

use super::Result;
use super::report::Report;
use crate::pg::datums::encoding;
use crate::pg::process::interrupts;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode, function_name};

/// The value, or an SQL error.
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

/// A NOTICE with DETAIL and HINT.
pub fn notice(message: String, detail: Option<String>, hint: Option<String>) {
    say(PgLogLevel::NOTICE, message, detail, hint);
}

/// A WARNING with DETAIL and HINT.
pub fn warning(message: String, detail: Option<String>, hint: Option<String>) {
    say(PgLogLevel::WARNING, message, detail, hint);
}

fn say(level: PgLogLevel, message: String, detail: Option<String>, hint: Option<String>) {
    let report = said(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, detail, hint);
    interrupts::after(|| report.report(level));
}

/// A line in the server's log.
pub fn log(message: String) {
    let report = said(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, None, None);
    interrupts::after(|| report.report(PgLogLevel::LOG));
}

/// Bytes of a message, of a DETAIL and of a HINT at most: what was given may be a gigabyte, and is named in them.
const LONGEST: usize = 8000;

/// What PostgreSQL is to say, in its encoding.
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
