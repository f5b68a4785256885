//! Dispatches errors to the categories of reports. `scripts/check-layout` checks that every error has a report.

use super::text::{Report, report};
use super::{arguments, models, sources, system, trainings};
use crate::error::SegrecError;
use pgrx::PgSqlErrorCode;

impl SegrecError {
    /// The message, with DETAIL and HINT, in one line.
    pub fn in_one_line(self) -> String {
        let Report { message, detail, .. } = self.into_report();
        match detail {
            Some(detail) => format!("{message}: {detail}").replace('\n', ", "),
            None => message,
        }
    }

    /// Converts the error to a report.
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
