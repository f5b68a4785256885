//! Reports, and how names, numbers and lock holders are formatted in them.

use crate::error::{Holder, MemoryLimit};
use pgrx::PgSqlErrorCode;
use segrec_engine::options::OptionProblem;

/// The report of an error to PostgreSQL.
pub struct Report {
    pub code: PgSqlErrorCode,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

pub fn report(code: PgSqlErrorCode, message: String, detail: Option<String>, hint: Option<String>) -> Report {
    Report { code, message, detail, hint }
}

pub fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

pub fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1024 * 1024))
}

pub fn what_prevents(limit: MemoryLimit) -> String {
    match limit {
        MemoryLimit::Process => {
            "A limit of the process (ulimit -v) or of the system (vm.overcommit_memory) prevents it."
                .to_owned()
        }
        MemoryLimit::Group(left) => format!("The control group of the server has {} left.", megabytes(left)),
    }
}

/// The maximum number of names that are listed.
pub const LISTED: usize = 20;

/// Lists names and how often each occurs, up to the maximum.
pub fn counted(names: &[(String, u64)]) -> String {
    let mut listed: Vec<String> =
        names.iter().take(LISTED).map(|(name, count)| format!("\"{name}\" ({count})")).collect();
    if names.len() > LISTED {
        listed.push("…".to_owned());
    }
    listed.join(", ")
}

pub fn known_models(known: &[String]) -> String {
    if known.is_empty() {
        return "There is no model that you may use.".to_owned();
    }
    format!("The models you may use are {}.", listed(known))
}

pub fn listed(names: &[String]) -> String {
    let more = if names.len() > LISTED { ", …" } else { "" };
    format!("{}{more}", quoted(&names[..names.len().min(LISTED)]))
}

pub fn all_problems(what: &str, problems: &[OptionProblem]) -> Report {
    let lines = |part: fn(&OptionProblem) -> &String| {
        problems.iter().map(|problem| part(problem).clone()).collect::<Vec<_>>().join("\n")
    };
    let (message, detail) = match problems {
        [only] => (only.message.clone(), None),
        _ => (format!("{} {what} are invalid", problems.len()), Some(lines(|problem| &problem.message))),
    };
    report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        message,
        detail,
        Some(lines(|problem| &problem.hint)),
    )
}

/// The report of a lock held by another session or transaction, with a hint how to end that.
pub fn being_held(message: String, holder: &Holder) -> Report {
    let (detail, hint) = match holder {
        Holder::Process(pid) => (
            format!("It is locked by process {pid}."),
            "Wait until it has finished, or cancel it with pg_cancel_backend.".to_owned(),
        ),
        Holder::Prepared(name) => {
            let name = name.replace('\'', "''");
            (
                format!("It is locked by prepared transaction '{name}'."),
                format!(
                    "End it with COMMIT PREPARED '{name}' or ROLLBACK PREPARED '{name}'; pg_prepared_xacts shows its owner."
                ),
            )
        }
        Holder::Gone => {
            ("It was locked by a process that has just ended.".to_owned(), "Try again.".to_owned())
        }
    };
    report(PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE, message, Some(detail), Some(hint))
}
