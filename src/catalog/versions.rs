//! Versions with their segments, metrics and log.

use super::statement::{as_owner, execute, query, write};
use crate::error::{Result, SegrecError};
use crate::pg::datums::number_array::NumberArray;
use crate::pg::executor::index_lookup::{Key, RowVersion, rows, sees_only_committed};
use crate::pg::executor::snapshot::{NewSnapshot, is_parallel};
use crate::pg::security::owner::table_and_owner;
use pgrx::{JsonB, pg_sys};
use segrec_engine::Matrix;
use segrec_engine::evaluation::MetricRow;
use segrec_engine::options::algorithm::Decided;
use segrec_engine::training::Attempt;
use serde_json::Value;

/// A version in the list of its model.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its key.
    pub version_id: i64,
    /// Its number.
    pub version: i32,
    /// True where it is complete.
    pub ready: bool,
    /// When it was deployed last.
    pub was_deployed: bool,
    /// The checked options it was trained with.
    pub options: Value,
    /// What was decided where options leave it open; none without events.
    pub decided: Option<Value>,
    /// The deciding metric.
    pub metric: Option<String>,
    /// What it reached.
    pub value: Option<f64>,
    /// Its users.
    pub users: Option<i64>,
    /// Its items; none without events.
    pub items: Option<i64>,
    /// Its events; none without.
    pub events: Option<i64>,
}

impl Version {
    /// What its training decided; none without events.
    pub fn decided(&self) -> Result<Option<Decided>> {
        self.decided.clone().map(decided).transpose()
    }
}

fn decided(stored: Value) -> Result<Decided> {
    serde_json::from_value(stored)
        .map_err(|error| SegrecError::Internal(format!("the settings of a version are damaged: {error}")))
}

/// The versions of a model, the latest deployment first, then the newest.
pub fn list(model_id: i64) -> Result<Vec<Version>> {
    as_owner(|| {
        query(
            "SELECT version_id, version, state = 'ready', deployed_at IS NOT NULL, options, decided, value, metric, \
                 users, items, events \
             FROM segrec_catalog.versions WHERE model_id = $1 \
             ORDER BY deployed_at DESC NULLS LAST, version DESC",
            &[model_id.into()],
            |row| {
                Ok(Version {
                    version_id: row.value(1)?,
                    version: row.value(2)?,
                    ready: row.value(3)?,
                    was_deployed: row.value(4)?,
                    options: row.value::<JsonB>(5)?.0,
                    decided: row.get::<JsonB>(6)?.map(|decided| decided.0),
                    value: row.get(7)?,
                    metric: row.get(8)?,
                    users: row.get(9)?,
                    items: row.get(10)?,
                    events: row.get(11)?,
                })
            },
        )
    })
}

/// What is stored of a new version.
pub struct NewVersion {
    /// The model.
    pub model_id: i64,
    /// Users.
    pub users: i64,
    /// Segments.
    pub segments: i32,
    /// What events gave; none without them.
    pub recommender: Option<NewRecommender>,
    /// The deciding metric.
    pub metric: &'static str,
    /// What it reached, what popularity reached, what the deployed version reached.
    pub values: [Option<f64>; 3],
    /// Why it is deployed or not.
    pub reason: String,
    /// The checked options.
    pub options: Value,
    /// How a row of users finds its segment, encoded; none where it cannot.
    pub classifier: Option<Vec<u8>>,
}

/// What a training on events leaves, besides factors.
pub struct NewRecommender {
    /// Items.
    pub items: i64,
    /// Events.
    pub events: i64,
    /// The rows of events that were read, whatever became of them.
    pub event_rows: i64,
    /// How events were held out.
    pub split: &'static str,
    /// What was decided where options leave it open.
    pub decided: Value,
    /// What ratings need besides factors, encoded.
    pub rated: Option<Vec<u8>>,
    /// The weight that became a confidence of 1.
    pub median_weight: f32,
    /// The moment from which age is counted.
    pub anchor: i64,
    /// The Gramian of the backbone's item factors.
    pub item_gram: Vec<f64>,
}

/// Numbers and stores a new version; gives its key and number.
pub fn insert(new: NewVersion) -> Result<(i64, i32)> {
    let recommender = new.recommender.as_ref();
    as_owner(|| {
        let found = write(
            "WITH numbered AS ( \
                 UPDATE segrec_catalog.models SET last_version = last_version + 1 WHERE model_id = $1 \
                 RETURNING last_version) \
             INSERT INTO segrec_catalog.versions (model_id, version, state, started_at, finished_at, users, items, \
                 events, segments, split, metric, value, baseline, previous, reason, options, decided, median_weight, anchor, item_gram, classifier, rated, event_rows) \
             SELECT $1, last_version, 'ready', pg_catalog.statement_timestamp(), pg_catalog.clock_timestamp(), \
                 $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19 \
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
                new.recommender.as_ref().and_then(|new| new.rated.clone()).into(),
                recommender.map(|new| new.event_rows).into(),
            ],
            |row| Ok((row.value(1)?, row.value(2)?)),
        )?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| SegrecError::Internal("the model was dropped meanwhile".to_owned()))
    })
}

/// Writes down that a training failed after so many seconds, and why; gives the number, none where the model is gone.
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

/// Writes down that a version is finished, of a training that began so many seconds ago.
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

/// Stores what a version reached; `ids` are those of its segments.
pub fn insert_metrics(version_id: i64, ids: &[i32], rows: &[MetricRow]) -> Result<()> {
    let column = |value: fn(&MetricRow) -> Option<f64>| rows.iter().map(value).collect::<Vec<Option<f64>>>();
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.metrics (version_id, metric, k, segment, value, ci_low, ci_high, baseline, users, place) \
             SELECT $1, * FROM unnest($2::text[], $3::int[], $4::int[], $5::float8[], $6::float8[], $7::float8[], \
                                      $8::float8[], $9::bigint[]) WITH ORDINALITY",
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

/// One step of a training.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// The part of the training.
    pub phase: String,
    /// The step of the phase.
    pub step: i32,
    /// The loss after it.
    pub loss: Option<f64>,
    /// A metric and its value.
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

/// How many users of a version have each of its items, in the order of their numbers.
pub fn item_users(version_id: i64) -> Result<Vec<u32>> {
    let sql = "SELECT users FROM segrec_catalog.version_items WHERE version_id = $1 ORDER BY item";
    as_owner(|| query(sql, &[version_id.into()], |row| Ok(row.value::<i32>(1)? as u32)))
}

/// How many users a version has.
pub fn users(version_id: i64) -> Result<usize> {
    let sql = "SELECT users FROM segrec_catalog.versions WHERE version_id = $1";
    let found = as_owner(|| query(sql, &[version_id.into()], |row| row.value::<i64>(1)))?;
    Ok(found.into_iter().next().unwrap_or(0) as usize)
}

/// What serving needs to know of a version.
pub struct DeployedVersion {
    /// The checked options.
    pub options: Value,
    /// What was decided where options leave it open.
    pub decided: Decided,
    /// What ratings need besides factors, encoded.
    pub rated: Option<Vec<u8>>,
    /// The weight that became a confidence of 1.
    pub median_weight: f32,
    /// The moment from which age is counted.
    pub anchor: i64,
    /// Its users.
    pub users: i64,
    /// Its items.
    pub items: i64,
    /// Its segments, in the order of their numbers.
    pub segments: Vec<DeployedSegment>,
}

/// What serving needs to know of a segment.
pub struct DeployedSegment {
    /// Its id.
    pub id: i32,
    /// Its users.
    pub users: i64,
    /// Whether it is ranked by a part of its own.
    pub own_factors: bool,
}

fn doubles(values: NumberArray<f32>) -> Vec<f64> {
    values.0.into_iter().map(f64::from).collect()
}

/// Loads a version with its segments and their centroids (segments × k); none where it is gone.
pub fn load(version_id: i64) -> Result<Option<(DeployedVersion, Matrix)>> {
    as_owner(|| {
        let version = query(
            "SELECT options, decided, median_weight, anchor, rated, users, items \
             FROM segrec_catalog.versions WHERE version_id = $1",
            &[version_id.into()],
            |row| {
                Ok(DeployedVersion {
                    options: row.value::<JsonB>(1)?.0,
                    decided: decided(row.value::<JsonB>(2)?.0)?,
                    rated: row.get(5)?,
                    users: row.value(6)?,
                    items: row.value(7)?,
                    median_weight: row.value(3)?,
                    anchor: row.value(4)?,
                    segments: Vec::new(),
                })
            },
        )?;
        let Some(mut version) = version.into_iter().next() else {
            return Ok(None);
        };
        let mut centroids = Vec::new();
        version.segments = query(
            "SELECT segment, own_factors, centroid, users FROM segrec_catalog.segments \
             WHERE version_id = $1 ORDER BY segment",
            &[version_id.into()],
            |row| {
                centroids.extend(row.value::<NumberArray<f32>>(3)?.0);
                Ok(DeployedSegment { id: row.value(1)?, users: row.value(4)?, own_factors: row.value(2)? })
            },
        )?;
        let k = centroids.len() / version.segments.len().max(1);
        Ok(Some((version, Matrix::from_data(k, centroids)?)))
    })
}

/// The Gramians of the item factors that users are measured against.
pub struct ItemGrams {
    /// The backbone's.
    pub backbone: Vec<f64>,
    /// Of segments, in the order of their numbers.
    pub segments: Vec<Option<Vec<f64>>>,
}

/// Loads them.
pub fn item_grams(version_id: i64) -> Result<ItemGrams> {
    as_owner(|| {
        let backbone = query(
            "SELECT item_gram FROM segrec_catalog.versions WHERE version_id = $1",
            &[version_id.into()],
            |row| Ok(doubles(row.value(1)?)),
        )?;
        let segments = query(
            "SELECT item_gram FROM segrec_catalog.segments WHERE version_id = $1 ORDER BY segment",
            &[version_id.into()],
            |row| Ok(row.get(1)?.map(doubles)),
        )?;
        Ok(ItemGrams { backbone: backbone.into_iter().next().unwrap_or_default(), segments })
    })
}

/// The table of versions, which tells installations of the extension apart.
pub fn table() -> Result<pg_sys::Oid> {
    table_and_owner(c"segrec_catalog", c"versions")
        .map(|(table, _)| table)
        .ok_or_else(|| SegrecError::Internal("segrec_catalog.versions is missing".to_owned()))
}

/// A version as the current statement sees its row: whatever is stored of it changes that, and where the extension was
/// dropped and made again, another table has a row of the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The version's key.
    pub version_id: i64,
    table: pg_sys::Oid,
    row: RowVersion,
}

/// Whether a version has been dropped, whatever the statement sees. Among parallel processes none can tell.
pub fn is_dropped(version_id: i64) -> Result<bool> {
    if is_parallel() {
        return Ok(false);
    }
    let _snapshot = NewSnapshot::latest();
    Ok(seen(version_id)?.is_none())
}

/// The version of that key; none where the statement sees no such row. Answered without the executor.
pub fn seen(version_id: i64) -> Result<Option<Seen>> {
    let table = table()?;
    let by_key = (c"versions_pkey", Key::Bigint(c"version_id", version_id));
    let found = rows(table, Some(by_key), 1, None).into_iter().next();
    Ok(found.map(|(row, _)| Seen { version_id, table, row }))
}

/// Whether a version is there still, of which rows have just been read. A statement reads the model, which says what is
/// deployed, and these rows under one snapshot; but in a transaction that has written each reading has its own.
pub fn is_there(version_id: i64) -> Result<bool> {
    if sees_only_committed() {
        return Ok(true);
    }
    let sql = "SELECT EXISTS (SELECT FROM segrec_catalog.versions WHERE version_id = $1)";
    Ok(as_owner(|| query(sql, &[version_id.into()], |row| row.value::<bool>(1)))? == [true])
}

/// The versions that are deployed, of all models.
pub fn deployed() -> Result<Vec<i64>> {
    let sql = "SELECT deployed_version_id FROM segrec_catalog.models WHERE deployed_version_id IS NOT NULL";
    as_owner(|| query(sql, &[], |row| row.value(1)))
}
