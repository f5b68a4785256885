//! Stores a new version, apart from the rows of its items, users and segments.

use crate::catalog::statement::{as_owner, execute, only, write};
use crate::error::Result;
use crate::pg::datums::number_array::NumberArray;
use pgrx::JsonB;
use segrec_engine::evaluation::MetricRow;
use segrec_engine::evaluation::history::HistoryRow;
use segrec_engine::training::Attempt;
use serde_json::Value;

/// The contents of a new version.
pub struct NewVersion {
    pub model_id: i64,
    pub users: i64,
    pub segments: i32,
    /// The results of a training on events; `None` without events.
    pub recommender: Option<NewRecommender>,
    /// The name of the deciding metric.
    pub metric: &'static str,
    /// The values of the new version, of popularity, and of the deployed version.
    pub values: [Option<f64>; 3],
    /// Why it is deployed or not.
    pub reason: String,
    /// The checked options of its training.
    pub options: Value,
    /// The encoded classifier of user rows, if there is one.
    pub classifier: Option<Vec<u8>>,
}

/// The results of a training on events, apart from factors.
pub struct NewRecommender {
    pub items: i64,
    pub events: i64,
    /// The number of rows of events read, usable or not.
    pub event_rows: i64,
    /// How events were held out.
    pub split: &'static str,
    /// The choices that the training made where options leave them open.
    pub decided: Value,
    /// The weight that corresponds to a confidence of 1.
    pub median_weight: f32,
    /// The moment that ages refer to.
    pub anchor: i64,
    /// The time of the latest event, in microseconds since 2000; `None` if events have no times.
    pub as_of: Option<i64>,
    /// The Gramian of the backbone's item factors.
    pub item_gram: Vec<f64>,
}

/// Assigns the next number to a version, stores it, and returns its key and number.
pub fn insert(new: NewVersion) -> Result<(i64, i32)> {
    let recommender = new.recommender.as_ref();
    as_owner(|| {
        let found = write(
            "WITH numbered AS ( \
                 UPDATE segrec_catalog.models SET last_version = last_version + 1 WHERE model_id = $1 \
                 RETURNING last_version) \
             INSERT INTO segrec_catalog.versions (model_id, version, state, started_at, finished_at, users, items, \
                 events, segments, split, metric, value, baseline, previous, reason, options, decided, median_weight, anchor, item_gram, classifier, event_rows, \
                 as_of) \
             SELECT $1, last_version, 'ready', pg_catalog.statement_timestamp(), pg_catalog.clock_timestamp(), \
                 $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
                 timestamptz '2000-01-01 00:00:00+00' + $19 * interval '1 microsecond' \
             FROM numbered RETURNING version_id, version",
            &[
                new.model_id.into(),
                new.users.into(),
                recommender.map(|new| new.items).into(),
                recommender.map(|new| new.events).into(),
                new.segments.into(),
                recommender.map(|new| new.split).into(),
                new.metric.into(),
                new.values[0].into(),
                new.values[1].into(),
                new.values[2].into(),
                new.reason.into(),
                JsonB(new.options).into(),
                recommender.map(|new| JsonB(new.decided.clone())).into(),
                recommender.map(|new| new.median_weight).into(),
                recommender.map(|new| new.anchor).into(),
                recommender.map(|new| floats(&new.item_gram)).into(),
                new.classifier.into(),
                recommender.map(|new| new.event_rows).into(),
                recommender.and_then(|new| new.as_of).into(),
            ],
            |row| Ok((row.value(1)?, row.value(2)?)),
        )?;
        only(found)
    })
}

/// Records a failed training, its duration and the reason. Returns the number of the version; `None` if the model is
/// gone.
pub fn insert_failed(model_id: i64, seconds: f64, reason: &str) -> Result<Option<i32>> {
    as_owner(|| {
        let found = write(
            "WITH numbered AS ( \
                 UPDATE segrec_catalog.models SET last_version = last_version + 1 WHERE model_id = $1 \
                 RETURNING last_version, options) \
             INSERT INTO segrec_catalog.versions (model_id, version, state, started_at, finished_at, reason, options) \
             SELECT $1, last_version, 'failed', now.at - pg_catalog.make_interval(secs => $2), now.at, $3, options \
             FROM numbered, pg_catalog.clock_timestamp() AS now(at) RETURNING version",
            &[model_id.into(), seconds.into(), reason.into()],
            |row| row.value(1),
        )?;
        Ok(found.into_iter().next())
    })
}

/// Marks a version as complete, and records the duration of its training.
pub fn finish(version_id: i64, seconds: f64) -> Result<()> {
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.versions \
             SET started_at = now.at - pg_catalog.make_interval(secs => $2), finished_at = now.at \
             FROM pg_catalog.clock_timestamp() AS now(at) WHERE version_id = $1",
            &[version_id.into(), seconds.into()],
        )
    })
}

fn floats(values: &[f64]) -> NumberArray<f32> {
    NumberArray(values.iter().map(|&value| value as f32).collect())
}

/// Stores the metrics of a version, and those by the length of histories; `ids` are the ids of its segments.
pub fn insert_metrics(
    version_id: i64,
    ids: &[i32],
    rows: &[MetricRow],
    by_history: &[HistoryRow],
) -> Result<()> {
    let histories: Vec<Option<i32>> =
        rows.iter().map(|_| None).chain(by_history.iter().map(|own| Some(own.length as i32))).collect();
    let rows: Vec<&MetricRow> = rows.iter().chain(by_history.iter().map(|own| &own.row)).collect();
    let column = |value: fn(&MetricRow) -> Option<f64>| {
        rows.iter().map(|row| value(row)).collect::<Vec<Option<f64>>>()
    };
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.metrics (version_id, metric, k, segment, value, ci_low, ci_high, baseline, users, history, place) \
             SELECT $1, * FROM unnest($2::text[], $3::int[], $4::int[], $5::float8[], $6::float8[], $7::float8[], \
                                      $8::float8[], $9::bigint[], $10::int[]) WITH ORDINALITY",
            &[
                version_id.into(),
                rows.iter().map(|row| row.metric.to_owned()).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.k as i32).collect::<Vec<_>>().into(),
                rows.iter()
                    .map(|row| row.segment.and_then(|segment| ids.get(segment as usize).copied()))
                    .collect::<Vec<_>>()
                    .into(),
                column(|row| Some(row.value)).into(),
                column(|row| row.interval.map(|interval| interval.0)).into(),
                column(|row| row.interval.map(|interval| interval.1)).into(),
                column(|row| Some(row.baseline)).into(),
                rows.iter().map(|row| row.users as i64).collect::<Vec<_>>().into(),
                histories.into(),
            ],
        )
    })
}

/// Stores the algorithms that were tried.
pub fn insert_attempts(version_id: i64, attempts: &[Attempt]) -> Result<()> {
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.algorithm_choices (version_id, place, algorithm, value, seconds, chosen, reason) \
             SELECT $1, ordinality, algorithm, value, seconds, chosen, reason \
             FROM unnest($2::text[], $3::float8[], $4::float8[], $5::bool[], $6::text[]) \
                  WITH ORDINALITY AS attempt (algorithm, value, seconds, chosen, reason)",
            &[
                version_id.into(),
                attempts.iter().map(|attempt| attempt.algorithm.name().to_owned()).collect::<Vec<_>>().into(),
                attempts.iter().map(|attempt| attempt.value).collect::<Vec<_>>().into(),
                attempts.iter().map(|attempt| attempt.seconds).collect::<Vec<_>>().into(),
                attempts.iter().map(|attempt| attempt.chosen).collect::<Vec<_>>().into(),
                attempts.iter().map(|attempt| attempt.reason.clone()).collect::<Vec<_>>().into(),
            ],
        )
    })
}

/// A step of a training.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// The phase of the training.
    pub phase: String,
    /// The number of the step within its phase.
    pub step: i32,
    /// The loss after the step.
    pub loss: Option<f64>,
    /// The name and value of a metric after the step.
    pub metric: Option<(String, f64)>,
    /// Seconds since the training began.
    pub seconds: f64,
}

/// Stores the steps of a training.
pub fn insert_log(version_id: i64, log: &[LogEntry]) -> Result<()> {
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.training_log (version_id, entry, phase, step, loss, metric, value, seconds) \
             SELECT $1, ordinality, phase, step, loss, metric, value, seconds \
             FROM unnest($2::text[], $3::int[], $4::float8[], $5::text[], $6::float8[], $7::float8[]) \
                  WITH ORDINALITY AS log (phase, step, loss, metric, value, seconds)",
            &[
                version_id.into(),
                log.iter().map(|entry| entry.phase.clone()).collect::<Vec<_>>().into(),
                log.iter().map(|entry| entry.step).collect::<Vec<_>>().into(),
                log.iter().map(|entry| entry.loss).collect::<Vec<_>>().into(),
                log.iter().map(|entry| entry.metric.as_ref().map(|m| m.0.clone())).collect::<Vec<_>>().into(),
                log.iter().map(|entry| entry.metric.as_ref().map(|m| m.1)).collect::<Vec<_>>().into(),
                log.iter().map(|entry| entry.seconds).collect::<Vec<_>>().into(),
            ],
        )
    })
}
