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
            format!("the training needs about {}, more than segrec.training_memory allows", megabytes(needed)),
            Some(format!("segrec.training_memory is {}; {what}", megabytes(allowed))),
            Some(format!(
                "set segrec.training_memory to '{}' or more, or lower als.factors or events.max_user_events, or choose another algorithm",
                megabytes(needed).replace(' ', "")
            )),
        ),
        SegrecError::NoMemory { needed, limit } => report(
            Code::ERRCODE_OUT_OF_MEMORY,
            format!("the training needs about {}, more than the system gives", megabytes(needed)),
            Some(what_prevents(limit)),
            Some(
                "raise that limit, or lower als.factors or events.max_user_events, or choose another algorithm"
                    .to_owned(),
            ),
        ),
        SegrecError::NoMemoryFor { work, needed, limit } => report(
            Code::ERRCODE_OUT_OF_MEMORY,
            format!("{work} needs about {}, more than the system gives", megabytes(needed)),
            Some(what_prevents(limit)),
            Some("raise that limit, or work on fewer rows or shorter arrays".to_owned()),
        ),
        SegrecError::AggregateMemory { needed, allowed } => report(
            Code::ERRCODE_OUT_OF_MEMORY,
            format!("aggregates need about {}, more than they may hold", megabytes(needed)),
            Some(format!(
                "all of a session together hold up to work_mem times hash_mem_multiplier, and {} if that is less",
                megabytes(allowed)
            )),
            Some("raise work_mem, or aggregate fewer rows at once or a sample of them (TABLESAMPLE)".to_owned()),
        ),
        SegrecError::MemoryGone => report(
            Code::ERRCODE_OUT_OF_MEMORY,
            "the system gives no more memory".to_owned(),
            Some("the work was stopped while a small reserve still served it".to_owned()),
            Some("raise the limit of the process (ulimit -v) or of the system, or work on fewer rows".to_owned()),
        ),
        SegrecError::Threads(reason) => report(
            Code::ERRCODE_INSUFFICIENT_RESOURCES,
            "could not start the threads of a training".to_owned(),
            Some(reason),
            Some("lower segrec.threads, or raise the limit of processes".to_owned()),
        ),
        SegrecError::Engine(EngineError::Cancelled) => {
            report(Code::ERRCODE_QUERY_CANCELED, "the training was cancelled".to_owned(), None, None)
        }
        SegrecError::Engine(EngineError::NoMemory { bytes }) => no_memory("the work", bytes).into_report(),
        SegrecError::Engine(error @ EngineError::NotFinite { .. }) => report(
            Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            error.to_string(),
            Some("weights or options are so extreme that the arithmetic overflows".to_owned()),
            Some("raise als.regularization, or scale the weights down".to_owned()),
        ),
        SegrecError::Engine(error @ EngineError::Column { .. }) => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            error.to_string(),
            None,
            Some("name other columns in the options, or give a view that has it in another form".to_owned()),
        ),
        SegrecError::Engine(error @ EngineError::Missing { .. }) => report(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            error.to_string(),
            None,
            Some("create the model with what is missing, or change its options".to_owned()),
        ),
        SegrecError::Engine(error @ EngineError::Encoding { .. }) => {
            SegrecError::VersionDamaged { reason: error.to_string() }.into_report()
        }
        SegrecError::Engine(error) => report(Code::ERRCODE_INTERNAL_ERROR, error.to_string(), None, None),
        SegrecError::Spi(error) => report(Code::ERRCODE_INTERNAL_ERROR, error.to_string(), None, None),
        SegrecError::CacheNotWritten { file, reason } => report(
            Code::ERRCODE_IO_ERROR,
            format!("could not write the model's file \"{file}\": {reason}"),
            Some("sessions share a deployed version through a file among the server's temporary files".to_owned()),
            Some("make room on the data folder's disk, or let the server write to it".to_owned()),
        ),
        SegrecError::CacheDamaged { file, reason } => report(
            Code::ERRCODE_DATA_CORRUPTED,
            format!("the model's file \"{file}\" is damaged: {reason}"),
            None,
            Some("call again: the file was deleted and is written anew from the model's tables".to_owned()),
        ),
        SegrecError::TableMissing { table } => report(
            Code::ERRCODE_UNDEFINED_TABLE,
            format!("table \"segrec_catalog.{table}\" is missing"),
            Some("it is the extension's own, and somebody dropped or renamed it".to_owned()),
            Some("give it back its name, or drop the extension and restore it from a dump".to_owned()),
        ),
        SegrecError::Internal(message) => report(Code::ERRCODE_INTERNAL_ERROR, message, None, None),
        other => return Err(other),
    })
}
