//! The tables of a version's items and of the items of its segments. Rows are written once, in the order of their keys.

use super::bulk_insert::batches;
use super::stream::streamed;
use crate::catalog::statement::{CatalogRow, as_owner, execute, query};
use crate::error::Result;
use crate::pg::datums::id_text::{id_bytes, id_text, push_id};
use crate::pg::datums::number_array::NumberArray;
use segrec_engine::Matrix;
use segrec_engine::interactions::{IdKind, Ids, Interactions};

/// The contents of the rows of all items.
pub struct NewItems<'a> {
    pub ids: &'a Ids,
    /// The interactions, from which the users of each item are counted.
    pub interactions: &'a Interactions,
    /// The popularity of each item.
    pub popularity: &'a [f32],
    /// The backbone's factors, items × k.
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

/// The contents of the rows of a segment's items.
pub struct NewSegmentItems<'a> {
    /// The id of the segment.
    pub segment: i32,
    pub items: &'a [u32],
    /// The number of the segment's users who have each item.
    pub users: &'a [u32],
    /// The popularity of each item in the segment.
    pub popularity: &'a [f32],
    /// The segment's own factors, items × k, if it has any.
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

/// Loads the ids of a version's items, by number.
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

/// Loads the backbone's factors of all items (items × k).
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

/// A stored item.
pub struct StoredItem<'a> {
    /// The number of the item.
    pub item: u32,
    /// The id as text.
    pub id: &'a str,
    /// The popularity of the item.
    pub popularity: f32,
    /// The backbone's factors of the item.
    pub factors: Vec<f32>,
}

/// The number of items of a version.
pub fn count_items(version_id: i64) -> Result<u64> {
    let sql = "SELECT count(*) FROM segrec_catalog.version_items WHERE version_id = $1";
    let found = as_owner(|| query(sql, &[version_id.into()], |row| row.value::<i64>(1)))?;
    Ok(found.into_iter().next().unwrap_or(0) as u64)
}

/// Passes every item of a version to `each`, in any order, without collecting them.
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

/// Passes the items of a segment (by its id) to `each`, in ascending order if `sorted`: the item, its popularity in the
/// segment, and the segment's own factors, which are empty if it has none.
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

/// The number of a version's users who have each item, by item number.
pub fn item_users(version_id: i64) -> Result<Vec<u32>> {
    let sql = "SELECT users FROM segrec_catalog.version_items WHERE version_id = $1 ORDER BY item";
    as_owner(|| query(sql, &[version_id.into()], |row| Ok(row.value::<i32>(1)? as u32)))
}
