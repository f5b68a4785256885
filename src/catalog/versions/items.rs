//! The tables of a version's items and of its segments' items: rows that are written once, in the order of their keys.

use super::bulk_insert::batches;
use super::stream::streamed;
use crate::catalog::statement::{CatalogRow, as_owner, execute, query};
use crate::error::Result;
use crate::pg::datums::id_text::{id_bytes, id_text, push_id};
use crate::pg::datums::number_array::NumberArray;
use segrec_engine::Matrix;
use segrec_engine::interactions::{IdKind, Ids, Interactions};

/// What is written of all items.
pub struct NewItems<'a> {
    pub ids: &'a Ids,
    /// Which users have them.
    pub interactions: &'a Interactions,
    /// How popular each is.
    pub popularity: &'a [f32],
    /// items × k: the backbone's factors.
    pub factors: &'a Matrix,
}

pub fn write_items(version_id: i64, items: &NewItems<'_>) -> Result<()> {
    let sql = "INSERT INTO segrec_catalog.version_items (version_id, item, item_id, users, popularity, factors) \
         SELECT $1, $2 + ordinality - 1, item_id, users, popularity, \
                ($6::real[])[(ordinality - 1) * $7 + 1 : ordinality * $7] \
         FROM unnest($3::text[], $4::int[], $5::real[]) WITH ORDINALITY AS row (item_id, users, popularity, ordinality)";
    let NewItems { ids, interactions, factors, popularity } = *items;
    let k = factors.columns();
    as_owner(|| {
        for range in batches(ids.len(), |item| id_bytes(ids.get(item)) + 4 * k) {
            let users = range.clone().map(|item| interactions.by_item().row_len(item) as i32);
            execute(
                sql,
                &[
                    version_id.into(),
                    (range.start as i32).into(),
                    range.clone().map(|item| id_text(ids.get(item))).collect::<Vec<_>>().into(),
                    users.collect::<Vec<_>>().into(),
                    NumberArray(popularity[range.clone()].to_vec()).into(),
                    NumberArray(factors.data()[range.start * k..range.end * k].to_vec()).into(),
                    (k as i32).into(),
                ],
            )?;
        }
        Ok(())
    })
}

/// What is written of the items of a segment.
pub struct NewSegmentItems<'a> {
    /// The segment's id.
    pub segment: i32,
    pub items: &'a [u32],
    /// How many of its users have each.
    pub users: &'a [u32],
    /// How popular each is in it.
    pub popularity: &'a [f32],
    /// items × k, where the segment has factors of its own.
    pub factors: Option<&'a Matrix>,
}

pub fn write_segment_items(version_id: i64, segment: &NewSegmentItems<'_>) -> Result<()> {
    let sql = "INSERT INTO segrec_catalog.version_segment_items (version_id, segment, item, users, popularity, factors) \
         SELECT $1, $2, item, users, popularity, ($6::real[])[(ordinality - 1) * $7 + 1 : ordinality * $7] \
         FROM unnest($3::int[], $4::int[], $5::real[]) WITH ORDINALITY AS row (item, users, popularity, ordinality)";
    let NewSegmentItems { items, users, popularity, .. } = segment;
    let bytes = 12 + 4 * segment.factors.map_or(0, Matrix::columns);
    as_owner(|| {
        for range in batches(items.len(), |_| bytes) {
            let (k, rows) = match segment.factors {
                Some(factors) => {
                    let k = factors.columns();
                    (k as i32, Some(NumberArray(factors.data()[range.start * k..range.end * k].to_vec())))
                }
                None => (0, None),
            };
            execute(
                sql,
                &[
                    version_id.into(),
                    segment.segment.into(),
                    items[range.clone()].iter().map(|&item| item as i32).collect::<Vec<_>>().into(),
                    users[range.clone()].iter().map(|&count| count as i32).collect::<Vec<_>>().into(),
                    NumberArray(popularity[range].to_vec()).into(),
                    rows.into(),
                    k.into(),
                ],
            )?;
        }
        Ok(())
    })
}

/// The ids of a version's items, in the order of their numbers.
pub fn load_items(version_id: i64, kind: IdKind) -> Result<Ids> {
    let sql = "SELECT item_id FROM segrec_catalog.version_items WHERE version_id = $1 ORDER BY item";
    let mut ids = Ids::new(kind);
    as_owner(|| {
        query(sql, &[version_id.into()], |row| {
            push_id(&mut ids, &row.value::<String>(1)?);
            Ok(())
        })
    })?;
    Ok(ids)
}

/// The backbone's factors of all items (items × k).
pub fn load_backbone(version_id: i64, k: usize) -> Result<Matrix> {
    let sql = "SELECT factors FROM segrec_catalog.version_items WHERE version_id = $1 ORDER BY item";
    let mut data = Vec::new();
    as_owner(|| query(sql, &[version_id.into()], |row| append(&mut data, &row, 1)))?;
    Ok(Matrix::from_data(k, data)?)
}

fn append(data: &mut Vec<f32>, row: &CatalogRow<'_>, column: usize) -> Result<()> {
    data.extend(row.value::<NumberArray<f32>>(column)?.0);
    Ok(())
}

/// An item as it is read.
pub struct StoredItem<'a> {
    /// Its number.
    pub item: u32,
    /// Its id, as text.
    pub id: &'a str,
    /// How popular it is.
    pub popularity: f32,
    /// The backbone's factors.
    pub factors: Vec<f32>,
}

/// How many items a version has.
pub fn count_items(version_id: i64) -> Result<u64> {
    let sql = "SELECT count(*) FROM segrec_catalog.version_items WHERE version_id = $1";
    let found = as_owner(|| query(sql, &[version_id.into()], |row| row.value::<i64>(1)))?;
    Ok(found.into_iter().next().unwrap_or(0) as u64)
}

/// Passes every item of a version to `each`, in any order; nothing is collected.
pub fn stream_items(version_id: i64, each: &mut dyn FnMut(StoredItem<'_>) -> Result<()>) -> Result<()> {
    let sql = format!(
        "SELECT item::bigint, item_id, popularity::float8, factors \
         FROM segrec_catalog.version_items WHERE version_id = {version_id}"
    );
    streamed(&sql, &mut |row| {
        let (Some(item), Some(popularity)) = (row.integer(0), row.number(2)) else {
            return Ok(());
        };
        let stored = |id: &str| {
            each(StoredItem {
                item: item as u32,
                id,
                popularity: popularity as f32,
                factors: row.reals(3).unwrap_or_default(),
            })
        };
        row.text(1, stored).unwrap_or(Ok(()))
    })
}

/// Passes the items of a segment (by its id), ascending if they are to be sorted, to `each`: the item, how popular it
/// is in it, and the segment's own factors, empty where it has none.
pub fn stream_segment_items(
    version_id: i64,
    segment: i32,
    sorted: bool,
    each: &mut dyn FnMut(u32, f32, Vec<f32>) -> Result<()>,
) -> Result<()> {
    let order = if sorted { " ORDER BY item" } else { "" };
    let sql = format!(
        "SELECT item::bigint, popularity::float8, factors FROM segrec_catalog.version_segment_items \
         WHERE version_id = {version_id} AND segment = {segment}{order}"
    );
    streamed(&sql, &mut |row| match (row.integer(0), row.number(1)) {
        (Some(item), Some(popularity)) => {
            each(item as u32, popularity as f32, row.reals(2).unwrap_or_default())
        }
        _ => Ok(()),
    })
}

/// How many users of a version have each of its items, in the order of their numbers.
pub fn item_users(version_id: i64) -> Result<Vec<u32>> {
    let sql = "SELECT users FROM segrec_catalog.version_items WHERE version_id = $1 ORDER BY item";
    as_owner(|| query(sql, &[version_id.into()], |row| Ok(row.value::<i32>(1)? as u32)))
}
