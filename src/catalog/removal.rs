//! Deletes models and versions with all dependent rows, and everything stored about a user.

use super::statement::{as_owner, execute, models_table, only, write};
use super::versions;
use super::versions::reachability::forget_reached;
use super::versions::segments::forget_examples;
use crate::error::Result;
use crate::pg::executor::index_lookup::{Key, rows};
use crate::pg::executor::snapshot::NewSnapshot;
use crate::pg::executor::statistics::remove_statistics;
use crate::pg::files::shared_file::remove_files;
use crate::pg::files::usage_counters::Counters;
use crate::pg::security::owner::table_and_owner;
use std::ffi::CStr;

/// What rows belong to, which says by which column they are found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// A version: what it serves from.
    Version,
    /// A version: what its training found, which stays in its history.
    History,
    Study,
    Model,
}

/// All tables with rows that belong to a version, a study or a model. Each of these three comes after its dependents.
const TABLES: [(&str, Of); 31] = [
    ("version_users", Of::Version),
    ("version_items", Of::Version),
    ("version_sections", Of::Version),
    ("version_item_rows", Of::Version),
    ("version_segment_items", Of::Version),
    ("segments", Of::History),
    ("segment_profiles", Of::History),
    ("segment_choices", Of::History),
    ("segment_transitions", Of::History),
    ("segment_drift", Of::History),
    ("segment_trees", Of::Version),
    ("segment_reachability", Of::Version),
    ("item_features", Of::Version),
    ("scorers", Of::History),
    ("algorithm_choices", Of::History),
    ("metrics", Of::History),
    ("training_log", Of::Version),
    ("versions", Of::History),
    ("trials", Of::Study),
    ("studies", Of::Model),
    ("segment_labels", Of::Model),
    ("rules", Of::Model),
    ("segment_history", Of::Model),
    ("deployments", Of::Model),
    ("schedules", Of::Model),
    ("schedule_runs", Of::Model),
    ("jobs", Of::Model),
    ("model_functions", Of::Model),
    ("model_grants", Of::Model),
    ("model_owners", Of::Model),
    ("models", Of::Model),
];

/// Deletes versions with all their rows and files. If the transaction is rolled back, the files are written again on
/// demand.
pub fn delete_versions(version_ids: &[i64]) -> Result<()> {
    as_owner(|| {
        for (table, _) in TABLES.iter().filter(|(_, of)| matches!(of, Of::Version | Of::History)) {
            let sql = format!("DELETE FROM segrec_catalog.{table} WHERE version_id = ANY ($1::bigint[])");
            execute(&sql, &[version_ids.to_vec().into()])?;
        }
        Ok(())
    })?;
    remove_version_files(version_ids);
    Ok(())
}

/// Deletes the files of versions. Statements with an older snapshot may still read a version and rewrite its file, which
/// is deleted with the next one.
fn remove_version_files(version_ids: &[i64]) {
    remove_files(|version, _, table| table.is_some() && version_ids.contains(&version));
}

/// Deletes what versions serve from, and keeps what their trainings found as history. Each version gets another key, so
/// whoever still looks for the old one, as a session that serves it, finds that it was dropped.
pub fn reduce_to_history(version_ids: &[i64]) -> Result<()> {
    as_owner(|| {
        for old in version_ids {
            let key = write(
                "UPDATE segrec_catalog.versions \
                 SET version_id = DEFAULT, state = 'history', classifier = NULL, item_gram = NULL \
                 WHERE version_id = $1 RETURNING version_id",
                &[(*old).into()],
                |row| row.value::<i64>(1),
            )?;
            let new = only(key)?;
            for (table, of) in TABLES {
                match of {
                    Of::Version => execute(
                        &format!("DELETE FROM segrec_catalog.{table} WHERE version_id = $1"),
                        &[(*old).into()],
                    )?,
                    Of::History if table != "versions" => execute(
                        &format!("UPDATE segrec_catalog.{table} SET version_id = $2 WHERE version_id = $1"),
                        &[(*old).into(), new.into()],
                    )?,
                    Of::History | Of::Study | Of::Model => {}
                }
            }
            execute(
                "UPDATE segrec_catalog.segments SET centroid = '{}', item_gram = NULL WHERE version_id = $1",
                &[new.into()],
            )?;
        }
        Ok(())
    })?;
    remove_version_files(version_ids);
    Ok(())
}

/// Deletes a model with its versions and everything else that belongs to it. Returns false if there is a row that the
/// transaction cannot see, which is possible above READ COMMITTED. No rows are added meanwhile, since the model is
/// locked.
pub fn delete_model(model_id: i64) -> Result<bool> {
    let versions: Vec<i64> = versions::list(model_id)?.iter().map(|version| version.version_id).collect();
    delete_versions(&versions)?;
    as_owner(|| {
        for (table, of) in TABLES {
            let of_model = match of {
                Of::Version | Of::History => continue,
                Of::Study => "study_id IN (SELECT study_id FROM segrec_catalog.studies WHERE model_id = $1)",
                Of::Model => "model_id = $1",
            };
            execute(&format!("DELETE FROM segrec_catalog.{table} WHERE {of_model}"), &[model_id.into()])?;
        }
        Ok(())
    })?;
    free_counters(model_id)?;
    let _snapshot = NewSnapshot::latest();
    for table in SHARED {
        let table = table_and_owner(c"segrec_catalog", table).map(|(table, _)| table);
        let of_model = Some((c"", Key::Bigint(c"model_id", model_id)));
        if table.is_some_and(|table| !rows(table, of_model, 1, None).is_empty()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The tables to which rows are added under a shared lock on the model's row. They are small and are scanned in full.
/// Adding to the other tables updates the model's row, which a transaction with an older snapshot then cannot lock.
const SHARED: [&CStr; 8] = [
    c"segment_labels",
    c"model_grants",
    c"model_functions",
    c"model_owners",
    c"schedules",
    c"schedule_runs",
    c"jobs",
    c"studies",
];

/// Frees the counters of a dropped model. A session with an older snapshot may allocate them again; this is harmless,
/// since the keys of models are never reused.
fn free_counters(model_id: i64) -> Result<()> {
    if let Some(counters) = Counters::open(models_table()?.0, false) {
        counters.free(model_id);
    }
    Ok(())
}

/// The numbers of rows deleted for a user.
pub struct Forgotten {
    /// Rows in the tables of versions.
    pub members: i64,
    /// Rows in the history of segments.
    pub history: i64,
}

/// The replacement for errors that named a forgotten user.
const REDACTED: &str = "it contained the id of a user who was forgotten";

/// Where errors of a model are stored, which may contain values of rows: the table, its column, and the condition on
/// rows.
const ERRORS: [(&CStr, &CStr, &str); 4] = [
    (c"jobs", c"error", "model_id = $1"),
    (c"schedule_runs", c"error", "model_id = $1"),
    (c"trials", c"error", "study_id IN (SELECT study_id FROM segrec_catalog.studies WHERE model_id = $1)"),
    (c"versions", c"reason", "model_id = $1 AND state = 'failed'"),
];

/// Replaces the errors of a model that contain an id; an id of digits must not be part of a longer number.
fn redact(model_id: i64, user_id: &str) -> Result<()> {
    let is_number = user_id.parse::<i64>().is_ok();
    for (table, column, of_model) in ERRORS {
        let [name, text] = [table, column].map(CStr::to_string_lossy);
        let sql = format!(
            "UPDATE segrec_catalog.{name} SET {text} = $4 WHERE {of_model} \
             AND CASE WHEN $3 THEN {text} ~ ('(^|[^0-9])' || $2 || '($|[^0-9])') ELSE pg_catalog.strpos({text}, $2) > 0 END"
        );
        execute(&sql, &[model_id.into(), user_id.into(), is_number.into(), REDACTED.into()])?;
        forget_statistics(table, column);
    }
    Ok(())
}

/// Deletes what is stored about a user in versions of a model, in its history, and in error messages. Statistics of
/// user ids are normally not collected ([`super::versions::users`]); if someone has enabled them, they are removed too.
pub fn forget_user(model_id: i64, version_ids: &[i64], user_id: &str) -> Result<Forgotten> {
    as_owner(|| {
        // A deployment updates the same row first, so it waits and does not copy the user into the history again.
        execute("UPDATE segrec_catalog.models SET name = name WHERE model_id = $1", &[model_id.into()])?;
        let mut members = 0;
        for id in version_ids {
            let sql = "DELETE FROM segrec_catalog.version_users WHERE version_id = $1 AND user_id = $2 RETURNING place";
            for place in write(sql, &[(*id).into(), user_id.into()], |row| row.value::<i32>(1))? {
                forget_examples(*id, place)?;
                forget_reached(*id, place)?;
                members += 1;
            }
        }
        let sql =
            "DELETE FROM segrec_catalog.segment_history WHERE model_id = $1 AND user_id = $2 RETURNING 1";
        let history = write(sql, &[model_id.into(), user_id.into()], |row| row.value::<i32>(1))?.len() as i64;
        forget_statistics(c"segment_history", USER);
        forget_statistics(c"version_users", USER);
        redact(model_id, user_id)?;
        Ok(Forgotten { members, history })
    })
}

/// The column of user ids.
const USER: &CStr = c"user_id";

fn forget_statistics(table: &CStr, column: &CStr) {
    remove_statistics(c"segrec_catalog", table, column);
}
