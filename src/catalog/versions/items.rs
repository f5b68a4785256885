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
    /// Whether the relation of items has a row of each; `None` if it was not read.
    pub listed: Option<&'a [bool]>,
}

pub fn write_items(version_id: i64, items: &NewItems<'_>) -> Result<()> {
    let sql = "INSERT INTO segrec_catalog.version_items (version_id, item, item_id, users, popularity, factors, listed) \
         SELECT $1, $2 + ordinality - 1, item_id, users, popularity, \
                ($6::real[])[(ordinality - 1) * $7 + 1 : ordinality * $7], NULLIF(listed, false) \
         FROM unnest($3::text[], $4::int[], $5::real[], $8::bool[]) \
              WITH ORDINALITY AS row (item_id, users, popularity, listed, ordinality)";
    let NewItems { ids, interactions, factors, popularity, listed } = *items;
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
                    listed.map(|listed| listed[range].to_vec()).into(),
                ],
            )?;
        }
        Ok(())
    })
}

/// Items that were added to a version after its training.
pub struct AddedItems<'a> {
    /// The number of the first; the others follow.
    pub first: usize,
    pub ids: &'a Ids,
    /// The backbone's factors, items × k.
    pub factors: &'a Matrix,
}

pub fn add_items(version_id: i64, added: &AddedItems<'_>) -> Result<()> {
    let sql = "INSERT INTO segrec_catalog.version_items (version_id, item, item_id, users, popularity, factors, listed) \
         SELECT $1, $2 + ordinality - 1, item_id, 0, 0, ($4::real[])[(ordinality - 1) * $5 + 1 : ordinality * $5], true \
         FROM unnest($3::text[]) WITH ORDINALITY AS row (item_id, ordinality)";
    let AddedItems { first, ids, factors } = *added;
    let k = factors.columns();
    as_owner(|| {
        for range in batches(ids.len(), |item| id_bytes(ids.get(item)) + 4 * k) {
            execute(
                sql,
                &[
                    version_id.into(),
                    ((first + range.start) as i32).into(),
                    range.clone().map(|item| id_text(ids.get(item))).collect::<Vec<_>>().into(),
                    NumberArray(factors.data()[range.start * k..range.end * k].to_vec()).into(),
                    (k as i32).into(),
                ],
            )?;
        }
        Ok(())
    })
}

/// Whether the relation of items had a row of each item of a version when it was last read, by number; `None` for an item
/// that never had one.
pub fn listed(version_id: i64) -> Result<Vec<Option<bool>>> {
    let sql = "SELECT listed FROM segrec_catalog.version_items WHERE version_id = $1 ORDER BY item";
    as_owner(|| query(sql, &[version_id.into()], |row| row.get(1)))
}

/// Records which of these items the relation of items has.
pub fn set_listed(version_id: i64, items: &[u32], listed: bool) -> Result<()> {
    let sql = "UPDATE segrec_catalog.version_items SET listed = $3 WHERE version_id = $1 AND item = ANY ($2::int[])";
    as_owner(|| {
        for range in batches(items.len(), |_| 4) {
            let items: Vec<i32> = items[range].iter().map(|&item| item as i32).collect();
            execute(sql, &[version_id.into(), items.into(), listed.into()])?;
        }
        Ok(())
    })
}

/// Marks the items of a version as changed, so that sessions load them again. The file of a version is named after the
/// number of the change. It is taken from a sequence, because a session may write the file before the change is rolled
/// back, and no later change must find it.
pub fn mark_changed(version_id: i64, added: usize) -> Result<()> {
    let sql = "UPDATE segrec_catalog.versions SET items = items + $2, items_added = items_added + $2, \
                   item_generation = pg_catalog.nextval('segrec_catalog.versions_version_id_seq'::pg_catalog.regclass) \
               WHERE version_id = $1";
    as_owner(|| execute(sql, &[version_id.into(), (added as i64).into()]))
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
    /// How many users of the segment chose each item lately, if lists of segments depend on it.
    pub recent: Option<&'a [f32]>,
    /// The segment's own factors, items × k, if it has any.
    pub factors: Option<&'a Matrix>,
}

pub fn write_segment_items(version_id: i64, segment: &NewSegmentItems<'_>) -> Result<()> {
    let sql = "INSERT INTO segrec_catalog.version_segment_items (version_id, segment, item, users, popularity, recent, factors) \
         SELECT $1, $2, item, users, popularity, recent, ($7::real[])[(ordinality - 1) * $8 + 1 : ordinality * $8] \
         FROM unnest($3::int[], $4::int[], $5::real[], $6::real[]) WITH ORDINALITY AS row (item, users, popularity, recent, ordinality)";
    let NewSegmentItems { items, users, popularity, .. } = segment;
    let bytes = 16 + 4 * segment.factors.map_or(0, Matrix::columns);
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
                    NumberArray(popularity[range.clone()].to_vec()).into(),
                    segment.recent.map(|recent| NumberArray(recent[range].to_vec())).into(),
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
    /// Whether the relation of items no longer has its row.
    pub is_withdrawn: bool,
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
        "SELECT item::bigint, item_id, popularity::float8, factors, listed IS FALSE \
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
                is_withdrawn: row.boolean(4).unwrap_or(false),
            })
        };
        row.text(1, stored).unwrap_or(Ok(()))
    })
}

/// An item of a segment.
pub struct StoredSegmentItem {
    /// The number of the item.
    pub item: u32,
    /// Its popularity in the segment.
    pub popularity: f32,
    /// How many users of the segment chose it lately, if lists of segments depend on it.
    pub recent: Option<f32>,
    /// The segment's own factors of the item; empty if it has none.
    pub factors: Vec<f32>,
}

/// Passes the items of a segment (by its id) to `each`, in ascending order if `sorted`.
pub fn stream_segment_items(
    version_id: i64,
    segment: i32,
    sorted: bool,
    each: &mut dyn FnMut(StoredSegmentItem) -> Result<()>,
) -> Result<()> {
    let order = if sorted { " ORDER BY item" } else { "" };
    let sql = format!(
        "SELECT item::bigint, popularity::float8, recent::float8, factors FROM segrec_catalog.version_segment_items \
         WHERE version_id = {version_id} AND segment = {segment}{order}"
    );
    streamed(&sql, &mut |row| match (row.integer(0), row.number(1)) {
        (Some(item), Some(popularity)) => each(StoredSegmentItem {
            item: item as u32,
            popularity: popularity as f32,
            recent: row.number(2).map(|recent| recent as f32),
            factors: row.reals(3).unwrap_or_default(),
        }),
        _ => Ok(()),
    })
}

/// The number of a version's users who have each item, by item number.
pub fn item_users(version_id: i64) -> Result<Vec<u32>> {
    let sql = "SELECT users FROM segrec_catalog.version_items WHERE version_id = $1 ORDER BY item";
    as_owner(|| query(sql, &[version_id.into()], |row| Ok(row.value::<i32>(1)? as u32)))
}
