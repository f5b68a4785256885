//! From an error to its report. Errors are divided by what they are about; `scripts/check-layout` holds that each has a
//! report.

use super::text::{Report, report};
use super::{arguments, models, sources, system, trainings};
use crate::error::SegrecError;
use pgrx::PgSqlErrorCode;

impl SegrecError {
    /// The message and what is known besides.
    pub fn in_one_line(self) -> String {
        let Report { message, detail, .. } = self.into_report();
        match detail {
            Some(detail) => format!("{message}: {detail}").replace('\n', ", "),
            None => message,
        }
    }

    /// What PostgreSQL is told.
    pub fn into_report(self) -> Report {
        arguments::report_of(self)
            .or_else(models::report_of)
            .or_else(sources::report_of)
            .or_else(trainings::report_of)
            .or_else(system::report_of)
            .unwrap_or_else(|other| {
                report(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("{other:?}"), None, None)
            })
    }
}
