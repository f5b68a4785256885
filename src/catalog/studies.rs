//! Studies of options, and their trials.

use super::statement::{as_owner, catalog_table, execute, only, query, write};
use crate::error::Result;
use pgrx::{JsonB, pg_sys};
use serde_json::Value;

/// The specification of a study; calls with equal specifications share one study.
#[derive(Clone, Debug)]
pub struct StudySpec {
    /// Options and the values to try.
    pub space: Value,
    /// The metric to optimize.
    pub metric: String,
    /// The search method.
    pub search: String,
    /// The maximum number of trials.
    pub trials: i32,
    /// The model's own options when the study began.
    pub options: Value,
}

#[derive(Clone, Debug)]
pub struct Study {
    /// The key of the study.
    pub id: i64,
    /// The name of its model.
    pub model: String,
    /// Its specification.
    pub asked: StudySpec,
}

/// A trial of a study.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The number within the study, from 1.
    pub trial: i32,
    /// The share of users it runs with.
    pub share: f64,
    /// Its changes to the model's options.
    pub options: Value,
    /// Whether it has not been run yet.
    pub waiting: bool,
    /// The value of the metric; `None` if it failed.
    pub value: Option<f64>,
}

/// The oid of the table of studies.
pub fn table() -> Result<pg_sys::Oid> {
    Ok(catalog_table(c"studies")?.0)
}

/// The latest unfinished study with the same specification.
pub fn unfinished(model_id: i64, asked: &StudySpec) -> Result<Option<i64>> {
    let StudySpec { space, metric, search, trials, options } = asked.clone();
    let found = as_owner(|| {
        query(
            "SELECT study_id FROM segrec_catalog.studies \
             WHERE model_id = $1 AND space = $2 AND metric = $3 AND search = $4 AND trials = $5 AND options = $6 \
               AND finished_at IS NULL ORDER BY study_id DESC LIMIT 1",
            &[
                model_id.into(),
                JsonB(space).into(),
                metric.into(),
                search.into(),
                trials.into(),
                JsonB(options).into(),
            ],
            |row| row.value(1),
        )
    })?;
    Ok(found.into_iter().next())
}

/// Stores a new study and returns its key.
pub fn insert(model_id: i64, asked: StudySpec) -> Result<i64> {
    let StudySpec { space, metric, search, trials, options } = asked;
    only(as_owner(|| {
        write(
            "INSERT INTO segrec_catalog.studies (model_id, space, metric, search, trials, options) \
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING study_id",
            &[
                model_id.into(),
                JsonB(space).into(),
                metric.into(),
                search.into(),
                trials.into(),
                JsonB(options).into(),
            ],
            |row| row.value(1),
        )
    })?)
}

/// Appends trials that are to be run.
pub fn add_trials(study_id: i64, share: f64, trials: Vec<Value>) -> Result<()> {
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.trials (study_id, trial, share, options, state) \
             SELECT $1, last.trial + added.place, $2, added.options, 'waiting' \
             FROM (SELECT coalesce(max(trial), 0) FROM segrec_catalog.trials WHERE study_id = $1) AS last (trial), \
                  jsonb_array_elements($3) WITH ORDINALITY AS added (options, place)",
            &[study_id.into(), share.into(), JsonB(Value::Array(trials)).into()],
        )
    })
}

/// Looks up a study. The caller's rights to its model must still be checked.
pub fn find(study_id: i64) -> Result<Option<Study>> {
    let found = as_owner(|| {
        query(
            "SELECT study.study_id, model.name, study.space, study.metric, study.search, study.trials, study.options \
             FROM segrec_catalog.studies study JOIN segrec_catalog.models model USING (model_id) WHERE study_id = $1",
            &[study_id.into()],
            |row| {
                Ok(Study {
                    id: row.value(1)?,
                    model: row.value(2)?,
                    asked: StudySpec {
                        space: row.value::<JsonB>(3)?.0,
                        metric: row.value(4)?,
                        search: row.value(5)?,
                        trials: row.value(6)?,
                        options: row.value::<JsonB>(7)?.0,
                    },
                })
            },
        )
    })?;
    Ok(found.into_iter().next())
}

/// The current trials of a study in order, regardless of the statement's snapshot.
pub fn trials(study_id: i64) -> Result<Vec<Trial>> {
    as_owner(|| {
        write(
            "SELECT trial, share, options, state = 'waiting', value FROM segrec_catalog.trials \
             WHERE study_id = $1 ORDER BY trial FOR SHARE",
            &[study_id.into()],
            |row| {
                Ok(Trial {
                    trial: row.value(1)?,
                    share: row.value(2)?,
                    options: row.value::<JsonB>(3)?.0,
                    waiting: row.value(4)?,
                    value: row.get(5)?,
                })
            },
        )
    })
}

/// Stores the result of a trial, or why it failed.
pub fn finish_trial(study_id: i64, trial: i32, reached: Result<f64, String>, seconds: f64) -> Result<()> {
    let (value, error) = match reached {
        Ok(value) => (Some(value), None),
        Err(error) => (None, Some(error)),
    };
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.trials \
             SET state = CASE WHEN $4 IS NULL THEN 'done' ELSE 'failed' END, value = $3, error = $4, seconds = $5 \
             WHERE study_id = $1 AND trial = $2",
            &[study_id.into(), trial.into(), value.into(), error.into(), seconds.into()],
        )
    })
}

/// Marks a study as finished.
pub fn finish(study_id: i64) -> Result<()> {
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.studies SET finished_at = clock_timestamp() WHERE study_id = $1",
            &[study_id.into()],
        )
    })
}
