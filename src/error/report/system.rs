//! Reports of errors of the system: memory, threads, files, and internal errors.

use super::text::{Report, megabytes, report, what_prevents};
use crate::error::SegrecError;
use crate::pg::process::memory::no_memory;
use pgrx::PgSqlErrorCode as Code;
use segrec_engine::EngineError;

/// The report of an error in this category; other errors are returned unchanged.
pub fn report_of(error: SegrecError) -> Result<Report, SegrecError> {
    Ok(match error {
        SegrecError::Memory { needed, allowed, what } => report(
            Code::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
            format!(
                "the training requires about {}, more than segrec.training_memory allows",
                megabytes(needed)
            ),
            Some(format!("segrec.training_memory is {}; {what}.", megabytes(allowed))),
            Some(format!(
                "Set segrec.training_memory to at least '{}', lower als.factors or events.max_user_events, or choose another algorithm.",
                megabytes(needed).replace(' ', "")
            )),
        ),
        SegrecError::NoMemory { needed, limit } => report(
            Code::ERRCODE_OUT_OF_MEMORY,
            format!("the training requires about {}, more than the system provides", megabytes(needed)),
            Some(what_prevents(limit)),
            Some(
                "Raise that limit, lower als.factors or events.max_user_events, or choose another algorithm."
                    .to_owned(),
            ),
        ),
        SegrecError::NoMemoryFor { work, needed, limit } => report(
            Code::ERRCODE_OUT_OF_MEMORY,
            format!("{work} requires about {}, more than the system provides", megabytes(needed)),
            Some(what_prevents(limit)),
            Some("Raise that limit, or process fewer rows or shorter arrays.".to_owned()),
        ),
        SegrecError::AggregateMemory { needed, allowed } => report(
            Code::ERRCODE_OUT_OF_MEMORY,
            format!("aggregates require about {}, more than they may use", megabytes(needed)),
            Some(format!(
                "The aggregates of a session may use {} in total, which depends on work_mem and hash_mem_multiplier.",
                megabytes(allowed)
            )),
            Some(
                "Raise work_mem, or aggregate fewer rows at once or a sample of them (TABLESAMPLE)."
                    .to_owned(),
            ),
        ),
        SegrecError::MemoryGone => report(
            Code::ERRCODE_OUT_OF_MEMORY,
            "the system provides no more memory".to_owned(),
            Some("The operation was stopped while a small reserve was left.".to_owned()),
            Some(
                "Raise the limit of the process (ulimit -v) or of the system, or process fewer rows."
                    .to_owned(),
            ),
        ),
        SegrecError::Threads(reason) => report(
            Code::ERRCODE_INSUFFICIENT_RESOURCES,
            "could not start the threads of a training".to_owned(),
            Some(reason),
            Some("Lower segrec.threads, or raise the limit on the number of processes.".to_owned()),
        ),
        SegrecError::Engine(EngineError::Cancelled) => {
            report(Code::ERRCODE_QUERY_CANCELED, "the training was cancelled".to_owned(), None, None)
        }
        SegrecError::Engine(EngineError::NoMemory { bytes }) => no_memory("the work", bytes).into_report(),
        SegrecError::Engine(error @ EngineError::NotFinite { .. }) => report(
            Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            error.to_string(),
            Some("Weights or options are so extreme that computations overflow.".to_owned()),
            Some("Raise als.regularization, or scale the weights down.".to_owned()),
        ),
        SegrecError::Engine(error @ EngineError::Column { .. }) => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            error.to_string(),
            None,
            Some("Specify other columns in the options, or use a view that converts it.".to_owned()),
        ),
        SegrecError::Engine(error @ EngineError::Missing { .. }) => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            error.to_string(),
            None,
            Some("Create the model with the missing input, or change its options.".to_owned()),
        ),
        SegrecError::Engine(error @ EngineError::Encoding { .. }) => {
            SegrecError::VersionDamaged { reason: error.to_string() }.into_report()
        }
        SegrecError::Engine(error) => report(Code::ERRCODE_INTERNAL_ERROR, error.to_string(), None, None),
        SegrecError::Spi(error) => report(Code::ERRCODE_INTERNAL_ERROR, error.to_string(), None, None),
        SegrecError::CacheNotWritten { file, reason } => report(
            Code::ERRCODE_IO_ERROR,
            format!("could not write cache file \"{file}\": {reason}"),
            Some("Sessions share a deployed version through one of the server's temporary files.".to_owned()),
            Some("Free disk space for the data directory, or allow the server to write to it.".to_owned()),
        ),
        SegrecError::CacheDamaged { file, reason } => report(
            Code::ERRCODE_DATA_CORRUPTED,
            format!("cache file \"{file}\" is damaged: {reason}"),
            None,
            Some(
                "Call again; the file was deleted and will be rewritten from the model's tables.".to_owned(),
            ),
        ),
        SegrecError::TableMissing { table } => report(
            Code::ERRCODE_UNDEFINED_TABLE,
            format!("table \"segrec_catalog.{table}\" does not exist"),
            Some("It belongs to the extension, and was dropped or renamed.".to_owned()),
            Some("Rename it back, or drop the extension and restore it from a dump.".to_owned()),
        ),
        SegrecError::Internal(message) => report(Code::ERRCODE_INTERNAL_ERROR, message, None, None),
        other => return Err(other),
    })
}
