//! A version as rows of text, so that COPY can transfer it to another database. Each part is JSON, in which numbers
//! keep all their digits.

use crate::catalog::sources::filtered::Filtered;
use crate::catalog::sources::queries::{Clauses, query_of};
use crate::catalog::sources::relations::SourceColumn;
use crate::catalog::statement::{as_owner, execute, only, query, write};
use crate::error::{Result, SegrecError};
use crate::pg::executor::query::stream;
use crate::pg::executor::relation::Relation;
use crate::pg::process::memory::ask;
use pgrx::{JsonB, pg_sys};
use segrec_engine::interactions::IdKind;
use serde_json::{Value, json};
use std::ffi::CString;

/// The format number in a version's first row; must be raised with every change of the format.
pub const FORMAT: i64 = 6;
/// The maximum number of rows per batch; with 128 factors and 100 neighbours some 3 MB of text.
const BATCH_ROWS: usize = 1000;
/// The maximum number of bytes per batch, unless a single row takes more.
const BATCH_BYTES: usize = 8 << 20;

/// The largest segment id that is accepted, since trainings assign the following ones.
const MOST_SEGMENT: i32 = 1_000_000_000;

/// A table whose rows belong to a version.
struct Part {
    name: &'static str,
    table: &'static str,
    /// The columns that identify and order its rows, besides the version; empty for a single row.
    key: &'static [&'static str],
}

/// All parts besides the version's own row.
const PARTS: [Part; 12] = [
    Part { name: "segment", table: "segments", key: &["segment"] },
    Part { name: "profile", table: "segment_profiles", key: &["segment", "place"] },
    Part { name: "metric", table: "metrics", key: &["place"] },
    Part { name: "tree", table: "segment_trees", key: &[] },
    Part { name: "item", table: "version_items", key: &["item"] },
    Part { name: "section", table: "version_sections", key: &["section"] },
    Part { name: "item_row", table: "version_item_rows", key: &["section", "item"] },
    Part { name: "segment_item", table: "version_segment_items", key: &["segment", "item"] },
    Part { name: "user", table: "version_users", key: &["place"] },
    Part { name: "reached", table: "segment_reachability", key: &["place"] },
    Part { name: "item_feature", table: "item_features", key: &["place"] },
    Part { name: "scorer", table: "scorers", key: &["place"] },
];

/// Reads the rows of a version in batches. Every batch is a separate query, because any code in the same transaction
/// could fetch from a cursor. The rows change only if a user is forgotten; the snapshot is that of the statement.
pub struct VersionRows {
    version_id: i64,
    kinds: [Option<&'static str>; 2],
    /// The part to read next; 0 is the version's own row.
    part: usize,
    /// The key of the last row read in the current part.
    after: Vec<i64>,
}

/// Prepares to read the rows of a version; `kinds` are the types of user and item ids.
pub fn export(version_id: i64, kinds: [Option<&'static str>; 2]) -> VersionRows {
    VersionRows { version_id, kinds, part: 0, after: Vec::new() }
}

impl VersionRows {
    /// The next batch of (part, contents); empty at the end.
    pub fn next(&mut self) -> Result<Vec<(String, String)>> {
        loop {
            let (name, rows, complete) = match self.part.checked_sub(1) {
                None => ("version", self.version()?, true),
                Some(part) => match PARTS.get(part) {
                    None => return Ok(Vec::new()),
                    Some(part) => {
                        let rows = self.batch(part)?;
                        let complete = rows.is_empty() || part.key.is_empty();
                        (part.name, rows, complete)
                    }
                },
            };
            if complete {
                self.part += 1;
                self.after.clear();
            }
            if !rows.is_empty() {
                return Ok(rows.into_iter().map(|content| (name.to_owned(), content)).collect());
            }
        }
    }

    fn version(&self) -> Result<Vec<String>> {
        let sql = format!(
            "SELECT ((pg_catalog.to_jsonb(stored) \
                 - '{{version_id,model_id,version,state,started_at,finished_at,deployed_at,reason,previous}}'::text[]) \
                 || pg_catalog.jsonb_build_object('format', {FORMAT}, 'user_id_kind', $1, 'item_id_kind', $2))::text \
             FROM segrec_catalog.versions stored WHERE version_id = $3"
        );
        let [users, items] = self.kinds;
        as_owner(|| query(&sql, &[users.into(), items.into(), self.version_id.into()], |row| row.value(1)))
    }

    /// The next batch of a part's rows.
    fn batch(&mut self, part: &Part) -> Result<Vec<String>> {
        let (version_id, key) = (self.version_id, part.key.join(", "));
        let mut sql = String::from("SELECT (pg_catalog.to_jsonb(stored) - 'version_id')::text");
        part.key.iter().for_each(|column| sql.push_str(&format!(", {column}::bigint")));
        sql.push_str(&format!(" FROM segrec_catalog.{} stored WHERE version_id = {version_id}", part.table));
        if !self.after.is_empty() {
            let after: Vec<String> = self.after.iter().map(i64::to_string).collect();
            sql.push_str(&format!(" AND ({key}) > ({})", after.join(", ")));
        }
        if !part.key.is_empty() {
            sql.push_str(&format!(" ORDER BY {key} LIMIT {BATCH_ROWS}"));
        }
        let sql = CString::new(sql).map_err(|error| SegrecError::Internal(error.to_string()))?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let after = &mut self.after;
        as_owner(|| {
            stream(&sql, &mut |row| {
                let Some(content) = row.text(0, str::to_owned) else { return true };
                bytes += content.len();
                rows.push(content);
                after.clear();
                after.extend((1..=part.key.len()).filter_map(|column| row.integer(column)));
                part.key.is_empty() || bytes < BATCH_BYTES
            })
        })?;
        Ok(rows)
    }
}

/// Passes the contents of a part to `each` in batches. The relation is read with the caller's rights.
fn contents(relation: &Relation, part: &str, each: &mut dyn FnMut(Vec<String>) -> Result<()>) -> Result<()> {
    let of_part = "part::pg_catalog.text COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.=) $1";
    let query = query_of(
        &Filtered::all_rows(relation.clone()),
        "content::pg_catalog.text",
        Clauses { condition: of_part, rest: "" },
        &[pg_sys::TEXTOID],
    )?;
    let (mut batch, mut bytes, mut failed) = (Vec::new(), 0, None);
    query.run(&[part.into()], &mut |row| {
        // Three copies: as it is read, in the batch, and in the array that is stored.
        let content = row.text(0, |content| {
            ask("a batch of an import", 3 * (bytes + content.len()))?;
            Ok(content.to_owned())
        });
        let taken = content.transpose().and_then(|content| {
            bytes += content.as_ref().map_or(0, String::len);
            batch.extend(content);
            if batch.len() < BATCH_ROWS && bytes < BATCH_BYTES {
                return Ok(());
            }
            bytes = 0;
            each(std::mem::take(&mut batch))
        });
        failed = taken.err();
        failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error),
        None if batch.is_empty() => Ok(()),
        None => each(batch),
    }
}

/// The contents of the first row that describes a version, and the number of such rows.
pub fn version_row(relation: &Relation) -> Result<(Option<String>, usize)> {
    let (mut first, mut count) = (None, 0);
    contents(relation, "version", &mut |batch| {
        count += batch.len();
        if first.is_none() {
            first = batch.into_iter().next();
        }
        Ok(())
    })?;
    Ok((first, count))
}

/// Stores the row of a new version of a model, and returns its key and number.
pub fn insert_version(model_id: i64, version: Value) -> Result<(i64, i32)> {
    let found = as_owner(|| {
        write(
            "WITH numbered AS (UPDATE segrec_catalog.models SET last_version = last_version + 1 WHERE model_id = $1 \
                               RETURNING last_version) \
             INSERT INTO segrec_catalog.versions (model_id, version, state, started_at, finished_at, users, items, events, \
                 segments, split, metric, value, baseline, reason, options, decided, classifier, median_weight, \
                 anchor, item_gram, items_added, as_of) \
             SELECT $1, last_version, 'ready', pg_catalog.statement_timestamp(), pg_catalog.clock_timestamp(), given.users, \
                 given.items, given.events, given.segments, given.split, given.metric, given.value, given.baseline, 'it was imported', \
                 given.options, given.decided, given.classifier, given.median_weight, given.anchor, given.item_gram, \
                 COALESCE(given.items_added, 0), given.as_of \
             FROM numbered, pg_catalog.jsonb_populate_record(NULL::segrec_catalog.versions, $2) AS given \
             RETURNING version_id, version",
            &[model_id.into(), JsonB(version).into()],
            |row| Ok((row.value(1)?, row.value(2)?)),
        )
    })?;
    only(found)
}

/// Stores everything else of a version from a relation of the caller. Trees are accepted only if `trusted`.
pub fn insert_parts(relation: &Relation, version_id: i64, version: i32, trusted: bool) -> Result<()> {
    let key = json!({ "version_id": version_id });
    let segment_key = json!({ "version_id": version_id, "since_version": version });
    for part in PARTS.iter().filter(|part| trusted || part.name != "tree") {
        let key = if part.name == "segment" { &segment_key } else { &key };
        let sql = format!(
            "INSERT INTO segrec_catalog.{table} SELECT given.* FROM pg_catalog.unnest($1::text[]) AS content, \
             LATERAL pg_catalog.jsonb_populate_record(NULL::segrec_catalog.{table}, content::jsonb || $2) AS given",
            table = part.table
        );
        contents(relation, part.name, &mut |batch| {
            as_owner(|| execute(&sql, &[batch.into(), JsonB(key.clone()).into()]))
        })?;
    }
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.models model SET last_segment = GREATEST(model.last_segment, \
                 (SELECT pg_catalog.max(segment) FROM segrec_catalog.segments WHERE version_id = $2)) \
             FROM segrec_catalog.versions version WHERE version.version_id = $2 AND version.model_id = model.model_id",
            &[version_id.into(), version_id.into()],
        )
    })
}

/// The SQL condition that an array is not a row of `length` finite numbers.
fn is_no_row(array: &str, length: &str) -> String {
    format!(
        "(pg_catalog.cardinality({array}) <> {length} OR pg_catalog.array_ndims({array}) > 1 OR {})",
        is_not_finite(array)
    )
}

fn is_not_finite(array: &str) -> String {
    format!(
        "(pg_catalog.array_position({array}, NULL) IS NOT NULL OR 'NaN' = ANY ({array}) \
          OR 'Infinity' = ANY ({array}) OR '-Infinity' = ANY ({array}))"
    )
}

fn is_no_number(value: &str) -> String {
    format!("({value} IS NULL OR {value} IN ('NaN', 'Infinity', '-Infinity'))")
}

/// The SQL condition that numbers do not ascend, or are not all in `0 .. count`.
fn is_no_set(numbers: &str, count: &str) -> String {
    format!(
        "(pg_catalog.array_ndims({numbers}) > 1 OR {numbers} <> ARRAY(SELECT DISTINCT number FROM pg_catalog.unnest({numbers}) number \
                            WHERE number >= 0 AND number < {count} ORDER BY number))"
    )
}

/// The first problem with the imported rows of a version; `None` if they are as a training would write them. `columns`
/// is the number of columns of factors. Does not check whether the sections are those that its scorers read.
pub fn problem(version_id: i64, kinds: [Option<&str>; 2], columns: usize) -> Result<Option<&'static str>> {
    let [version, segments, users, items, own, sections, rows, plot, features, scorers] = [
        "versions",
        "segments",
        "version_users",
        "version_items",
        "version_segment_items",
        "version_sections",
        "version_item_rows",
        "segment_reachability",
        "item_features",
        "scorers",
    ]
    .map(|table| format!("(SELECT * FROM segrec_catalog.{table} WHERE version_id = {version_id})"));
    let (k, square) = (columns.to_string(), (columns * columns).to_string());
    let count = format!("(SELECT pg_catalog.count(*) FROM {items} item)");
    let factors = is_no_row("stored.factors", &k);
    let mut checks: Vec<(&str, String)> = vec![
        (
            "The numbers of users, items and segments do not match its rows.",
            format!(
                "SELECT FROM {version} stored WHERE stored.users IS NULL OR stored.users < GREATEST(1, (SELECT pg_catalog.count(*) FROM {users} member)) \
                     OR stored.users > 2147483647 OR COALESCE(stored.items, 0) <> {count} \
                     OR stored.items_added NOT BETWEEN 0 AND {count} \
                     OR stored.segments IS DISTINCT FROM (SELECT pg_catalog.count(*) FROM {segments} own) OR stored.segments = 0 \
                     OR stored.users < (SELECT pg_catalog.sum(own.users) FROM {segments} own)"
            ),
        ),
        (
            "The data for fold-in do not match.",
            format!(
                "SELECT FROM {version} stored WHERE {} OR {count} > 0 AND (stored.decided IS NULL OR {} OR stored.median_weight <= 0 \
                     OR stored.anchor IS NULL OR stored.item_gram IS NULL)",
                is_no_row("stored.item_gram", &square),
                is_no_number("stored.median_weight")
            ),
        ),
        (
            "A segment is invalid.",
            format!(
                "SELECT FROM {segments} stored WHERE stored.users < 1 OR stored.segment < 0 OR stored.segment > {MOST_SEGMENT} \
                     OR {} AND {} OR {} \
                     OR pg_catalog.cardinality(stored.centroid) <> (SELECT pg_catalog.max(pg_catalog.cardinality(own.centroid)) FROM {segments} own)",
                is_no_row("stored.centroid", "0"),
                is_no_row("stored.centroid", &k),
                is_no_row("stored.item_gram", &square),
            ),
        ),
        (
            "An item is invalid.",
            format!(
                "SELECT FROM {items} stored WHERE stored.item < 0 OR stored.item >= {count} OR stored.users < 0 OR stored.popularity < 0 \
                     OR {} OR {factors}",
                is_no_number("stored.popularity"),
            ),
        ),
        (
            "A row of a section is invalid.",
            format!(
                "SELECT FROM {rows} stored LEFT JOIN {sections} section ON section.section = stored.section \
                 WHERE section.kind IS NULL OR stored.item < 0 OR stored.item >= {count} \
                     OR section.kind = 'sparse' AND (stored.items IS NULL OR {} OR {}) \
                     OR section.kind = 'dense' AND (stored.items IS NOT NULL OR {}) OR section.kind = 'opaque'",
                is_no_set("stored.items", &count),
                is_no_row("stored.weights", "pg_catalog.cardinality(stored.items)"),
                is_no_row("stored.weights", "section.columns")
            ),
        ),
        (
            "A section is invalid.",
            format!(
                "SELECT FROM {sections} stored \
                 WHERE stored.rows <> (SELECT pg_catalog.count(*) FROM {rows} own WHERE own.section = stored.section) \
                     OR stored.kind = 'dense' AND (stored.columns IS NULL OR stored.columns < 1 OR stored.rows > {count}) \
                     OR stored.kind = 'opaque' AND stored.content IS NULL"
            ),
        ),
        (
            "An item of a segment is invalid.",
            format!(
                "SELECT FROM {own} stored LEFT JOIN {segments} segment ON segment.segment = stored.segment \
                 WHERE segment.segment IS NULL OR stored.item < 0 OR stored.item >= {count} OR stored.users < 1 OR stored.popularity < 0 OR {} \
                     OR stored.recent < 0 OR stored.recent IN ('NaN', 'Infinity') \
                     OR (stored.recent IS NOT NULL) <> (SELECT COALESCE((own.decided ->> 'popular_now_by_segment')::bool, false) FROM {version} own) \
                     OR stored.factors IS NULL AND segment.own_factors AND segment.item_gram IS NOT NULL \
                     OR stored.factors IS NOT NULL AND {factors}",
                is_no_number("stored.popularity")
            ),
        ),
        (
            "A user is invalid.",
            format!(
                "SELECT FROM {users} stored LEFT JOIN {segments} segment ON segment.segment = stored.segment CROSS JOIN {version} version \
                 WHERE segment.segment IS NULL OR stored.place < 0 OR stored.place >= version.users OR {} OR {} \
                     OR stored.factors <> '{{}}' AND {factors} OR {} OR {} OR {} \
                     OR stored.ranks IS NOT NULL AND ({} OR 0 > ANY (stored.ranks)) \
                     OR stored.repeats IS NOT NULL AND ({} OR 0 > ANY (stored.repeats)) \
                     OR stored.left_out IS NOT NULL AND {} OR stored.left_out IS NULL AND stored.left_out_ages IS NOT NULL \
                     OR stored.left_out_ages IS NOT NULL AND ({} OR 0 > ANY (stored.left_out_ages)) \
                     OR (stored.row_items IS NULL) <> (stored.row_weights IS NULL) OR {} \
                     OR stored.row_items IS NOT NULL AND {} \
                     OR stored.probabilities IS NOT NULL AND {}",
                is_no_number("stored.distance"),
                is_no_number("stored.confidence"),
                is_no_set("stored.items", &count),
                is_no_set("stored.seen", &count),
                is_no_row("stored.confidences", "pg_catalog.cardinality(stored.items)"),
                is_no_row("stored.ranks", "pg_catalog.cardinality(stored.items)"),
                is_no_row("stored.repeats", "3 * pg_catalog.cardinality(stored.items)"),
                is_no_set("stored.left_out", &count),
                is_no_row("stored.left_out_ages", "pg_catalog.cardinality(stored.left_out)"),
                is_no_set("stored.row_items", &count),
                is_no_row("stored.row_weights", "pg_catalog.cardinality(stored.row_items)"),
                is_no_row("stored.probabilities", "version.segments")
            ),
        ),
        (
            "A user in the reachability plot is invalid.",
            format!(
                "SELECT FROM {plot} stored LEFT JOIN {users} member ON member.place = stored.user_place \
                 WHERE member.place IS NULL OR stored.place < 1 OR stored.reachability < 0 OR stored.core_distance < 0 \
                     OR stored.reachability IN ('NaN', 'Infinity') OR stored.core_distance IN ('NaN', 'Infinity')"
            ),
        ),
        (
            "A feature of items is invalid.",
            format!(
                "SELECT FROM {features} stored WHERE stored.place < 1 OR stored.weight < 0 OR stored.weight > 1 OR {}",
                is_no_number("stored.weight")
            ),
        ),
        (
            "The report of a scorer is invalid.",
            format!(
                "SELECT FROM {scorers} stored WHERE stored.place < 1 OR stored.bytes < 0 OR stored.gain_error < 0 \
                     OR stored.seconds < 0 OR {}",
                ["weight", "share", "COALESCE(gain, 0)", "COALESCE(gain_error, 0)", "COALESCE(seconds, 0)"]
                    .map(is_no_number)
                    .join(" OR ")
            ),
        ),
    ];
    let [user_kind, item_kind] = kinds;
    // A kind is a fixed word and also the name of a type; text that cannot be cast to it raises PostgreSQL's own error.
    if let Some(kind) = user_kind {
        checks.push((
            "A user's id is not in the canonical form of its type.",
            format!("SELECT FROM {users} stored WHERE stored.user_id::{kind}::text <> stored.user_id"),
        ));
    }
    if let Some(kind) = item_kind {
        checks.push((
            "An item's id is not in the canonical form of its type.",
            format!("SELECT FROM {items} stored WHERE stored.item_id::{kind}::text <> stored.item_id"),
        ));
    }
    as_owner(|| {
        for (what, sql) in checks {
            if !query(&format!("{sql} LIMIT 1"), &[], |_| Ok(()))?.is_empty() {
                return Ok(Some(what));
            }
        }
        Ok(None)
    })
}

/// What is wrong with the columns of a relation that should contain a version, if anything.
pub fn columns_problem(relation: &Relation) -> Option<&'static str> {
    let is_text = |name: &str| {
        relation.column(name).map(SourceColumn::from).and_then(|column| column.id_kind())
            == Some(IdKind::Text)
    };
    (!is_text("part") || !is_text("content"))
        .then_some("It has no columns \"part\" and \"content\" of type text.")
}
