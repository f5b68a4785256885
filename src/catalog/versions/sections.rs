//! Stores the sections of a version's scorers, without interpreting their contents.

use super::bulk_insert::{Ragged, batches, slice};
use super::stream::streamed;
use crate::catalog::statement::{as_owner, execute, query, write};
use crate::error::{Result, SegrecError};
use crate::pg::datums::number_array::NumberArray;
use crate::pg::datums::value::Argument;
use segrec_engine::interactions::SparseRows;
use segrec_engine::scorers::registry::{DISPENSABLE, NamedSection};
use segrec_engine::scorers::sections::{NewSection, SectionKind};
use std::ops::Range;

/// A stored section without its contents.
pub struct ListedSection {
    /// The number of the section within the version.
    pub section: i32,
    pub scorer: String,
    /// The name within the scorer.
    pub name: String,
    pub kind: SectionKind,
    /// The number of items that have a row.
    pub rows: u64,
}

/// Stores the sections of a version, given as (scorer, name, contents).
pub fn insert(version_id: i64, sections: &[(&str, &str, NewSection<'_>)]) -> Result<()> {
    for (section, (scorer, name, content)) in (0i32..).zip(sections) {
        let (rows, bytes) = match content {
            NewSection::Sparse(sparse) => {
                ((0..sparse.rows()).filter(|&row| sparse.row_len(row) > 0).count(), None)
            }
            NewSection::Dense(rows) => (rows.rows(), None),
            NewSection::Opaque(bytes) => (0, Some(bytes.clone())),
        };
        let kind = content.kind();
        as_owner(|| {
            execute(
                "INSERT INTO segrec_catalog.version_sections (version_id, section, scorer, name, kind, columns, rows, content) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                &[
                    version_id.into(),
                    section.into(),
                    (*scorer).into(),
                    (*name).into(),
                    kind.name().into(),
                    kind.columns().map(|columns| columns as i32).into(),
                    (rows as i64).into(),
                    bytes.into(),
                ],
            )
        })?;
        insert_rows(version_id, section, content)?;
    }
    Ok(())
}

fn insert_rows(version_id: i64, section: i32, content: &NewSection<'_>) -> Result<()> {
    match content {
        NewSection::Opaque(_) => Ok(()),
        NewSection::Sparse(sparse) => {
            let sql = format!(
                "INSERT INTO segrec_catalog.version_item_rows (version_id, section, item, items, weights) \
                 SELECT $1, $2, $3 + ordinality - 1, {}, {} \
                 FROM unnest($4::int[], $5::int[]) WITH ORDINALITY AS row (length, last, ordinality) WHERE length > 0",
                slice("$6::int[]", "length", "last"),
                slice("$7::real[]", "length", "last"),
            );
            in_batches(
                &sql,
                version_id,
                section,
                sparse.rows(),
                |item| 8 * sparse.row_len(item),
                |range| {
                    let (mut named, mut weights) = (Ragged::default(), Vec::new());
                    for item in range {
                        let (items, values) = sparse.row(item);
                        named.push(items.iter().map(|&item| item as i32));
                        weights.extend_from_slice(values);
                    }
                    let [lengths, lasts, items] = [named.lengths, named.lasts, named.values].map(NumberArray);
                    vec![lengths.into(), lasts.into(), items.into(), NumberArray(weights).into()]
                },
            )
        }
        NewSection::Dense(rows) => {
            let k = rows.columns();
            let sql = "INSERT INTO segrec_catalog.version_item_rows (version_id, section, item, weights) \
                       SELECT $1, $2, item, ($4::real[])[(item - $3) * $5 + 1 : (item - $3 + 1) * $5] \
                       FROM generate_series($3, $6) item";
            in_batches(
                sql,
                version_id,
                section,
                rows.rows(),
                |_| 4 * k,
                |range| {
                    let data = rows.data()[range.start * k..range.end * k].to_vec();
                    vec![NumberArray(data).into(), (k as i32).into(), (range.end as i32 - 1).into()]
                },
            )
        }
    }
}

fn in_batches<'a>(
    sql: &str,
    version_id: i64,
    section: i32,
    rows: usize,
    bytes: impl Fn(usize) -> usize,
    mut arguments: impl FnMut(Range<usize>) -> Vec<Argument<'a>>,
) -> Result<()> {
    as_owner(|| {
        for range in batches(rows, bytes) {
            let mut all = vec![version_id.into(), section.into(), (range.start as i32).into()];
            all.extend(arguments(range));
            execute(sql, &all)?;
        }
        Ok(())
    })
}

/// The sections of a version, by number.
pub fn list(version_id: i64) -> Result<Vec<ListedSection>> {
    let sql = "SELECT section, scorer, name, kind, columns, rows FROM segrec_catalog.version_sections \
               WHERE version_id = $1 ORDER BY section";
    as_owner(|| {
        query(sql, &[version_id.into()], |row| {
            let (kind, columns): (String, Option<i32>) = (row.value(4)?, row.get(5)?);
            let columns = columns.and_then(|columns| usize::try_from(columns).ok()).unwrap_or(0);
            let Some(kind) = SectionKind::stored(&kind, columns) else {
                return Err(SegrecError::VersionDamaged {
                    reason: format!("There are no sections of kind {kind}."),
                });
            };
            let (section, scorer, name) = (row.value(1)?, row.value(2)?, row.value(3)?);
            Ok(ListedSection { section, scorer, name, kind, rows: row.value::<i64>(6)? as u64 })
        })
    })
}

/// Removes the sections of a scorer.
pub fn remove(version_id: i64, scorer: &str) -> Result<()> {
    as_owner(|| {
        execute(
            "DELETE FROM segrec_catalog.version_item_rows own USING segrec_catalog.version_sections section \
             WHERE own.version_id = $1 AND section.version_id = $1 AND section.section = own.section \
               AND section.scorer = $2",
            &[version_id.into(), scorer.into()],
        )?;
        execute(
            "DELETE FROM segrec_catalog.version_sections WHERE version_id = $1 AND scorer = $2",
            &[version_id.into(), scorer.into()],
        )
    })
}

/// Whether a version has exactly the expected sections, which must be in order, besides those that it can do without.
pub fn are_those(version_id: i64, expected: &[NamedSection]) -> Result<bool> {
    let listed = list(version_id)?;
    let mut found: Vec<(&str, &str, SectionKind)> =
        listed.iter().map(|own| (own.scorer.as_str(), own.name.as_str(), own.kind)).collect();
    found.retain(|own| !DISPENSABLE.contains(own));
    found.sort_unstable();
    Ok(found == expected)
}

/// Deletes the opaque sections that a version can do without; false if it has none.
pub fn delete_dispensable(version_id: i64) -> Result<bool> {
    let sql = "DELETE FROM segrec_catalog.version_sections WHERE version_id = $1 AND scorer = $2 AND name = $3 RETURNING section";
    let mut deleted = Vec::new();
    for (scorer, name, _) in DISPENSABLE {
        let arguments = [version_id.into(), scorer.into(), name.into()];
        deleted.extend(as_owner(|| write(sql, &arguments, |row| row.value::<i32>(1)))?);
    }
    Ok(!deleted.is_empty())
}

/// Replaces rows of a sparse section: those of the items for which `has_changed` returns true.
pub fn replace_rows(
    version_id: i64,
    section: &ListedSection,
    rows: &SparseRows,
    has_changed: impl Fn(usize) -> bool,
) -> Result<()> {
    let changed: Vec<usize> = (0..rows.rows()).filter(|&item| has_changed(item)).collect();
    as_owner(|| {
        for range in batches(changed.len(), |place| 8 * rows.row_len(changed[place])) {
            let items = &changed[range];
            let (mut named, mut weights) = (Ragged::default(), Vec::new());
            for &item in items {
                named.push(rows.row(item).0.iter().map(|&item| item as i32));
                weights.extend_from_slice(rows.row(item).1);
            }
            let numbers: Vec<i32> = items.iter().map(|&item| item as i32).collect();
            execute(
                "DELETE FROM segrec_catalog.version_item_rows \
                 WHERE version_id = $1 AND section = $2 AND item = ANY ($3::int[])",
                &[version_id.into(), section.section.into(), numbers.clone().into()],
            )?;
            let sql = format!(
                "INSERT INTO segrec_catalog.version_item_rows (version_id, section, item, items, weights) \
                 SELECT $1, $2, item, {}, {} \
                 FROM unnest($3::int[], $4::int[], $5::int[]) AS row (item, length, last) WHERE length > 0",
                slice("$6::int[]", "length", "last"),
                slice("$7::real[]", "length", "last"),
            );
            let [lengths, lasts, named] = [named.lengths, named.lasts, named.values].map(NumberArray);
            execute(
                &sql,
                &[
                    version_id.into(),
                    section.section.into(),
                    numbers.into(),
                    lengths.into(),
                    lasts.into(),
                    named.into(),
                    NumberArray(weights).into(),
                ],
            )?;
        }
        let count = (0..rows.rows()).filter(|&item| rows.row_len(item) > 0).count();
        execute(
            "UPDATE segrec_catalog.version_sections SET rows = $3 WHERE version_id = $1 AND section = $2",
            &[version_id.into(), section.section.into(), (count as i64).into()],
        )
    })
}

/// The contents of an opaque section.
pub fn content(version_id: i64, section: i32) -> Result<Vec<u8>> {
    let sql = "SELECT content FROM segrec_catalog.version_sections WHERE version_id = $1 AND section = $2";
    let found = as_owner(|| query(sql, &[version_id.into(), section.into()], |row| row.get::<Vec<u8>>(1)))?;
    Ok(found.into_iter().next().flatten().unwrap_or_default())
}

/// Passes the row of every item in a section to `each`, in any order, without collecting them. In a dense section the
/// list of items is empty.
pub fn stream_rows(
    version_id: i64,
    section: i32,
    each: &mut dyn FnMut(usize, Vec<i32>, Vec<f32>) -> Result<()>,
) -> Result<()> {
    let sql = format!(
        "SELECT item::bigint, items, weights FROM segrec_catalog.version_item_rows \
         WHERE version_id = {version_id} AND section = {section}"
    );
    streamed(&sql, &mut |row| match (row.integer(0), row.reals(2)) {
        (Some(item), Some(weights)) => each(item as usize, row.integers(1).unwrap_or_default(), weights),
        _ => Ok(()),
    })
}
