//! What goes: the tables of versions with the files that were made from them, and what is stored of a user.

use super::factors::{hold, partition, partitioned};
use super::segments::forget_examples;
use super::statement::{as_owner, execute, models_table, write};
use crate::error::{Result, SegrecError};
use crate::pg::counters::Counters;
use crate::pg::lock::{lock_tables_within, lock_timeout};
use crate::pg::mapped::remove_files;
use crate::pg::statistics::remove_statistics;
use std::ffi::{CStr, CString};
use std::time::Duration;

/// How long dropping waits for others where `lock_timeout` says nothing: two sessions that wait for each other's reading
/// would never end, and nobody would notice, since they stand in no queue.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long dropping waits for a moment without readers.
pub fn patience() -> Duration {
    lock_timeout().unwrap_or(PATIENCE)
}

/// Locks the tables of versions to the end of the transaction, for [`drop_tables`], and their parents too, as PostgreSQL
/// does for every partition that is dropped. It is done in a moment in which nobody reads any of them: who waited in the
/// queue of a lock would make all readers of the views wait behind it. A replica repeats the locks in this order and waits
/// for its readers at each: at the entrance for those who read the views, at a version's users for those whom it serves.
/// False where no such moment came.
pub fn lock_tables(version_ids: &[i64], patience: Duration) -> Result<bool> {
    let mut tables = vec!["entrance".to_owned()];
    for table in partitioned() {
        tables.extend(version_ids.iter().map(|id| format!("{table}_{id}")));
    }
    tables.extend(partitioned().map(str::to_owned));
    let tables: Vec<CString> = tables
        .into_iter()
        .map(|table| CString::new(table).map_err(|error| SegrecError::Internal(error.to_string())))
        .collect::<Result<_>>()?;
    Ok(lock_tables_within(c"segrec_catalog", &tables, patience))
}

/// Drops the tables of versions, which are locked, and their files: where the transaction ends in nothing, these are
/// written again.
pub fn drop_tables(version_ids: &[i64]) -> Result<()> {
    as_owner(|| {
        for id in version_ids {
            for table in partitioned() {
                execute(&format!("DROP TABLE IF EXISTS {}", partition(table, *id)), &[])?;
            }
        }
        Ok(())
    })?;
    // Whoever served it has ended, and who comes now waits for the tables.
    remove_files(|version, table| table.is_some() && version_ids.contains(&version));
    Ok(())
}

/// Frees the counters of a model that goes. Nobody counts for it any more: its tables are locked, or it has none.
pub fn free_counters(model_id: i64) -> Result<()> {
    if let Some(counters) = Counters::open(models_table()?.0, false) {
        counters.free(model_id);
    }
    Ok(())
}

/// How many rows were stored of a user.
pub struct Forgotten {
    /// In the tables of versions.
    pub members: i64,
    /// In the history of segments.
    pub history: i64,
}

/// What is written where an error named a user who was forgotten.
const REDACTED: &str = "it named a user who was forgotten";

/// Where errors of a model are kept, as PostgreSQL and the extension gave them, with values of rows in them: a table, its
/// column, and which of its rows.
const ERRORS: [(&str, &CStr, &str); 4] = [
    ("jobs", c"error", "model_id = $1"),
    ("schedule_runs", c"error", "model_id = $1"),
    ("trials", c"error", "study_id IN (SELECT study_id FROM segrec_catalog.studies WHERE model_id = $1)"),
    ("versions", c"reason", "model_id = $1 AND state = 'failed'"),
];

/// Takes away the errors of a model in which an id occurs; one of digits among other digits does not.
fn redact(model_id: i64, user_id: &str) -> Result<()> {
    let is_number = user_id.parse::<i64>().is_ok();
    for (table, column, of_model) in ERRORS {
        let text = column.to_string_lossy();
        let sql = format!(
            "UPDATE segrec_catalog.{table} SET {text} = $4 WHERE {of_model} \
             AND CASE WHEN $3 THEN {text} ~ ('(^|[^0-9])' || $2 || '($|[^0-9])') ELSE pg_catalog.strpos({text}, $2) > 0 END"
        );
        execute(&sql, &[model_id.into(), user_id.into(), is_number.into(), REDACTED.into()])?;
        forget_statistics(table, column)?;
    }
    Ok(())
}

/// Deletes what is stored of a user in some versions of a model and in its history, and errors that name them. The planner
/// keeps no ids of users, unless somebody has told it to ([`super::factors`]): then these go too.
pub fn forget_user(model_id: i64, version_ids: &[i64], user_id: &str) -> Result<Forgotten> {
    as_owner(|| {
        // A deployment writes the same row first: it waits, and does not copy the user into the history again.
        execute("UPDATE segrec_catalog.models SET name = name WHERE model_id = $1", &[model_id.into()])?;
        let mut members = 0;
        for id in version_ids.iter().filter(|id| hold(**id)) {
            let table = partition("version_users", *id);
            let sql = format!("DELETE FROM {table} WHERE version_id = $1 AND user_id = $2 RETURNING place");
            for place in write(&sql, &[(*id).into(), user_id.into()], |row| row.value::<i32>(1))? {
                forget_examples(*id, place)?;
                forget_statistics(&format!("version_users_{id}"), USER)?;
                members += 1;
            }
        }
        let sql =
            "DELETE FROM segrec_catalog.segment_history WHERE model_id = $1 AND user_id = $2 RETURNING 1";
        let history = write(sql, &[model_id.into(), user_id.into()], |row| row.value::<i32>(1))?.len() as i64;
        forget_statistics("segment_history", USER)?;
        forget_statistics("version_users", USER)?;
        redact(model_id, user_id)?;
        Ok(Forgotten { members, history })
    })
}

/// The column of users' ids.
const USER: &CStr = c"user_id";

fn forget_statistics(table: &str, column: &CStr) -> Result<()> {
    let table = CString::new(table).map_err(|error| SegrecError::Internal(error.to_string()))?;
    remove_statistics(c"segrec_catalog", &table, column);
    Ok(())
}
