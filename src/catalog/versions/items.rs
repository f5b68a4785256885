//! The tables of a version's items and of its segments' items: rows that are written once, in the order of their keys.

use super::bulk_insert::{Ragged, batches, slice};
use super::stream::streamed;
use crate::catalog::statement::{CatalogRow, as_owner, execute, query};
use crate::error::Result;
use crate::pg::datums::id_text::{id_bytes, id_text, push_id};
use crate::pg::datums::number_array::NumberArray;
use segrec_engine::Matrix;
use segrec_engine::interactions::{IdKind, Ids, Interactions, SparseRows};

/// What is written of all items.
pub struct NewItems<'a> {
    pub ids: &'a Ids,
    /// Which users have them.
    pub interactions: &'a Interactions,
    /// How popular each is.
    pub popularity: &'a [f32],
    /// items × k: the backbone's factors.
    pub factors: &'a Matrix,
    /// items × (k + 1): what having rated an item says about a user.
    pub patterns: Option<&'a Matrix>,
    pub neighbours: Option<&'a SparseRows>,
}

pub fn write_items(version_id: i64, items: &NewItems<'_>) -> Result<()> {
    let sql = format!(
        "INSERT INTO segrec_catalog.version_items (version_id, item, item_id, users, popularity, factors, pattern, neighbours, neighbour_weights) \
         SELECT $1, $2 + ordinality - 1, item_id, users, popularity, \
                ($6::real[])[(ordinality - 1) * $7 + 1 : ordinality * $7], \
                ($8::real[])[(ordinality - 1) * $9 + 1 : ordinality * $9], {}, {} \
         FROM unnest($3::text[], $4::int[], $5::real[], $10::int[], $11::int[]) \
              WITH ORDINALITY AS row (item_id, users, popularity, n_length, n_last, ordinality)",
        slice("$12::int[]", "n_length", "n_last"),
        slice("$13::real[]", "n_length", "n_last"),
    );
    let NewItems { ids, interactions, factors, .. } = *items;
    let columns = factors.columns() + items.patterns.map_or(0, Matrix::columns);
    let bytes = |item| {
        let neighbours = items.neighbours.map_or(0, |neighbours| neighbours.row(item).0.len());
        id_bytes(ids.get(item)) + 4 * columns + 8 * neighbours
    };
    as_owner(|| {
        for range in batches(ids.len(), bytes) {
            let rows = |matrix: &Matrix| {
                let k = matrix.columns();
                NumberArray(matrix.data()[range.start * k..range.end * k].to_vec())
            };
            let (mut named, mut weights) = (Ragged::default(), Vec::new());
            if let Some(neighbours) = items.neighbours {
                for item in range.clone() {
                    let (items, values) = neighbours.row(item);
                    named.push(items.iter().map(|&item| item as i32));
                    weights.extend_from_slice(values);
                }
            }
            let has_neighbours = items.neighbours.is_some();
            execute(
                &sql,
                &[
                    version_id.into(),
                    (range.start as i32).into(),
                    range.clone().map(|item| id_text(ids.get(item))).collect::<Vec<_>>().into(),
                    range
                        .clone()
                        .map(|item| interactions.by_item().row_len(item) as i32)
                        .collect::<Vec<_>>()
                        .into(),
                    NumberArray(items.popularity[range.clone()].to_vec()).into(),
                    rows(factors).into(),
                    (factors.columns() as i32).into(),
                    items.patterns.map(rows).into(),
                    items.patterns.map_or(0, |patterns| patterns.columns() as i32).into(),
                    has_neighbours.then_some(NumberArray(named.lengths)).into(),
                    has_neighbours.then_some(NumberArray(named.lasts)).into(),
                    has_neighbours.then_some(NumberArray(named.values)).into(),
                    has_neighbours.then_some(NumberArray(weights)).into(),
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
    /// What having rated it says about a user.
    pub pattern: Option<Vec<f32>>,
    /// Its neighbours, ascending, and their weights.
    pub neighbours: Option<(Vec<i32>, Vec<f32>)>,
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
        "SELECT item::bigint, item_id, popularity::float8, factors, pattern, neighbours, neighbour_weights \
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
                pattern: row.reals(4),
                neighbours: row.integers(5).zip(row.reals(6)),
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
