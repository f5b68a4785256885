//! The settings (GUCs) with their names, defaults, ranges and descriptions.

use crate::error::Result;
use crate::pg::datums::encoding::decode;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::CString;

/// `segrec.default_model`.
static DEFAULT_MODEL: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
/// `segrec.training_memory`, in megabytes.
static TRAINING_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(4096);
/// `segrec.threads`.
static THREADS: GucSetting<i32> = GucSetting::<i32>::new(0);
/// `segrec.max_jobs_per_role`.
static JOBS_PER_ROLE: GucSetting<i32> = GucSetting::<i32>::new(2);
/// `segrec.max_jobs`.
static JOBS: GucSetting<i32> = GucSetting::<i32>::new(4);

/// Registers the settings; called once when the library is loaded.
pub fn register() {
    GucRegistry::define_string_guc(
        c"segrec.default_model",
        c"Sets the default model of calls that do not name one.",
        c"If it is not set, such a call uses the only model that can answer it.",
        &DEFAULT_MODEL,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"segrec.training_memory",
        c"Sets the maximum memory to be used by a training.",
        c"A training that is estimated to need more fails before it starts.",
        &TRAINING_MEMORY,
        64,
        i32::MAX / 2,
        GucContext::Userset,
        GucFlags::UNIT_MB,
    );
    GucRegistry::define_int_guc(
        c"segrec.threads",
        c"Sets the number of threads used by a training.",
        c"0 uses one thread for each processor.",
        &THREADS,
        0,
        1024,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"segrec.max_jobs_per_role",
        c"Sets the maximum number of concurrent background trainings of a role in all databases; others wait.",
        c"-1 means no limit. It does not apply to superusers.",
        &JOBS_PER_ROLE,
        NO_LIMIT,
        MOST_JOBS,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"segrec.max_jobs",
        c"Sets the maximum number of concurrent background trainings in a database; others wait.",
        c"-1 means no limit. It does not apply to superusers, and their trainings are not counted.",
        &JOBS,
        NO_LIMIT,
        MOST_JOBS,
        GucContext::Suset,
        GucFlags::default(),
    );
}

/// The value that means no limit, as for PostgreSQL's connection limits.
const NO_LIMIT: i32 = -1;
/// The maximum of both limits, more than any server has background workers.
const MOST_JOBS: i32 = 1024;

/// The name of the default model, if one is set.
///
/// # Errors
/// If the name is not UTF-8, in a database with encoding SQL_ASCII.
pub fn default_model() -> Result<Option<String>> {
    let Some(name) = DEFAULT_MODEL.get() else {
        return Ok(None);
    };
    Ok(Some(decode(name.to_bytes())?.into_owned()).filter(|name| !name.is_empty()))
}

/// The number of bytes that a training may take.
pub fn training_memory() -> u64 {
    TRAINING_MEMORY.get() as u64 * 1024 * 1024
}

/// The number of threads of a training.
pub fn threads() -> usize {
    match THREADS.get() {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads as usize,
    }
}

fn limit(setting: &GucSetting<i32>) -> Option<u16> {
    u16::try_from(setting.get()).ok()
}

/// The maximum number of concurrent background trainings per role; `None` if there is no limit.
pub fn jobs_per_role() -> Option<u16> {
    limit(&JOBS_PER_ROLE)
}

/// The maximum number of concurrent background trainings per database; `None` if there is no limit.
pub fn jobs() -> Option<u16> {
    limit(&JOBS)
}
