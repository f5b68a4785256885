//! The tables of versions' users, items and segment items: rows that are written once, in the order of their keys, and
//! read by these.

use super::statement::{Row, as_owner, execute, query};
use crate::error::{Result, SegrecError};
use crate::pg::datums::number_array::NumberArray;
use crate::pg::executor::query::{Row as Streamed, stream};
use segrec_engine::Matrix;
use segrec_engine::batches::batched;
use segrec_engine::interactions::{Id, IdKind, Ids, Interactions};
use segrec_engine::scorers::neighbours::Neighbours;
use std::ffi::CString;
use std::ops::Range;

/// Rows of one INSERT: at 64 factors a megabyte of arguments.
const BATCH_ROWS: usize = 4096;
/// Bytes of its arguments, unless a single row has more: an array has a gigabyte at most, and there are several copies.
const BATCH_BYTES: usize = 64 << 20;

/// The rows of one INSERT after the other, where each row has so many bytes.
fn batches(rows: usize, bytes: impl Fn(usize) -> usize) -> impl Iterator<Item = Range<usize>> {
    batched(rows, BATCH_ROWS, BATCH_BYTES, bytes)
}

/// Whether anything is stored of a version's users: a restore may have left that out.
pub fn are_stored(version_id: i64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM segrec_catalog.version_users WHERE version_id = $1)";
    Ok(as_owner(|| query(sql, &[version_id.into()], |row| row.value::<bool>(1)))? == [true])
}

/// An id as text.
pub fn id_text(id: Id<'_>) -> String {
    match id {
        Id::Bigint(id) => id.to_string(),
        Id::Uuid(id) => pgrx::Uuid::from_bytes(id).to_string(),
        Id::Text(id) => id.to_owned(),
    }
}

/// About how many bytes an id has as text.
fn id_bytes(id: Id<'_>) -> usize {
    match id {
        Id::Bigint(_) => 20,
        Id::Uuid(_) => 36,
        Id::Text(id) => id.len(),
    }
}

/// The id that a text stands for, of that kind; none where it cannot be one.
pub fn parse_id(text: &str, kind: IdKind) -> Option<Id<'_>> {
    match kind {
        IdKind::Bigint => text.parse().ok().map(Id::Bigint),
        IdKind::Uuid => parse_uuid(text).map(Id::Uuid),
        IdKind::Text => Some(Id::Text(text)),
    }
}

/// Appends the id that a text stands for; false where it stands for none of that kind.
pub fn push_id(ids: &mut Ids, text: &str) -> bool {
    parse_id(text, ids.kind()).is_some_and(|id| ids.push(id))
}

/// The bytes of a uuid written in any of the forms PostgreSQL reads: hexadecimal digits, hyphens after
/// groups of four, braces around.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut bytes = [0u8; 16];
    let mut digits = 0;
    let mut hyphen_before = true;
    for character in inner.chars() {
        if character == '-' {
            if hyphen_before || digits % 4 != 0 {
                return None;
            }
            hyphen_before = true;
            continue;
        }
        let value = character.to_digit(16)? as u8;
        *bytes.get_mut(digits / 2)? |= if digits % 2 == 0 { value << 4 } else { value };
        digits += 1;
        hyphen_before = false;
    }
    (digits == 32 && !hyphen_before).then_some(bytes)
}

/// What is written of all items.
pub struct NewItems<'a> {
    /// Their ids.
    pub ids: &'a Ids,
    /// Who has them.
    pub interactions: &'a Interactions,
    /// How popular each is.
    pub popularity: &'a [f32],
    /// items × k: the backbone's factors.
    pub factors: &'a Matrix,
    /// items × (k + 1): what having rated an item says about a user.
    pub patterns: Option<&'a Matrix>,
    /// Their neighbours.
    pub neighbours: Option<&'a Neighbours>,
}

/// Writes the items.
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
        let neighbours = items.neighbours.map_or(0, |neighbours| neighbours.rows().row(item).0.len());
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
                    let (items, values) = neighbours.rows().row(item);
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
    /// Its items.
    pub items: &'a [u32],
    /// How many of its users have each.
    pub users: &'a [u32],
    /// How popular each is in it.
    pub popularity: &'a [f32],
    /// items × k, where the segment has factors of its own.
    pub factors: Option<&'a Matrix>,
}

/// Writes the items of a segment.
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

/// A user as it is written.
pub struct NewUser<'a> {
    /// The user's number in the training.
    pub user: u32,
    /// The id of the segment.
    pub segment: i32,
    /// How far from its centroid.
    pub distance: f32,
    /// How clearly a member.
    pub confidence: f32,
    /// Whether in no dense place.
    pub noise: bool,
    /// The leaf of the merge tree.
    pub leaf: Option<u32>,
    /// How probably in each segment, in the order of their ids; empty where the method gives none.
    pub probabilities: Vec<f32>,
    /// Factors; empty for users without events.
    pub factors: &'a [f32],
    /// Items that count, ascending.
    pub items: &'a [u32],
    /// Their confidences.
    pub confidences: &'a [f32],
    /// All items, ascending; empty where all count.
    pub seen: &'a [u32],
}

/// Rows of different lengths in one array, and where each ends: the arguments of an INSERT of many rows.
#[derive(Default)]
struct Ragged<T> {
    values: Vec<T>,
    lengths: Vec<i32>,
    lasts: Vec<i32>,
}

impl<T> Ragged<T> {
    fn push(&mut self, row: impl Iterator<Item = T>) {
        let before = self.values.len();
        self.values.extend(row);
        self.lengths.push((self.values.len() - before) as i32);
        self.lasts.push(self.values.len() as i32);
    }
}

/// A row of a ragged array: null where the array is.
fn slice(values: &str, length: &str, last: &str) -> String {
    format!("({values})[{last} - {length} + 1 : {last}]")
}

/// The same, and empty where a row of no values has no slice.
fn filled(values: &str, length: &str, last: &str) -> String {
    format!("COALESCE({}, '{{}}')", slice(values, length, last))
}

/// Writes the users in the given order.
pub fn write_users(version_id: i64, ids: &Ids, users: &[NewUser<'_>]) -> Result<()> {
    let sql = format!(
        "INSERT INTO segrec_catalog.version_users (version_id, place, user_id, segment, distance, confidence, noise, leaf, probabilities, \
             factors, items, confidences, seen) \
         SELECT $1, $2 + ordinality - 1, user_id, segment, distance, confidence, noise, leaf, \
                NULLIF({}, '{{}}'), {}, {}, {}, NULLIF({}, '{{}}') \
         FROM unnest($3::text[], $4::int[], $5::real[], $6::real[], $7::bool[], $8::int[], $9::int[], $10::int[], \
                     $11::int[], $12::int[], $13::int[], $14::int[], $15::int[], $16::int[]) \
              WITH ORDINALITY AS row (user_id, segment, distance, confidence, noise, leaf, p_length, p_last, \
                                      f_length, f_last, i_length, i_last, s_length, s_last, ordinality)",
        slice("$17::real[]", "p_length", "p_last"),
        filled("$18::real[]", "f_length", "f_last"),
        filled("$19::int[]", "i_length", "i_last"),
        filled("$20::real[]", "i_length", "i_last"),
        slice("$21::int[]", "s_length", "s_last"),
    );
    let bytes = |place: usize| {
        let NewUser { user, probabilities, factors, items, seen, .. } = &users[place];
        let reals = probabilities.len() + factors.len() + 2 * items.len() + seen.len();
        id_bytes(ids.get(*user as usize)) + 4 * reals
    };
    as_owner(|| {
        for range in batches(users.len(), bytes) {
            let (first, users) = (range.start, &users[range]);
            let (mut probabilities, mut factors) = (Ragged::default(), Ragged::default());
            let (mut items, mut confidences, mut seen) = (Ragged::default(), Vec::new(), Ragged::default());
            for user in users {
                probabilities.push(user.probabilities.iter().copied());
                factors.push(user.factors.iter().copied());
                items.push(user.items.iter().map(|&item| item as i32));
                confidences.extend_from_slice(user.confidences);
                seen.push(user.seen.iter().map(|&item| item as i32));
            }
            execute(
                &sql,
                &[
                    version_id.into(),
                    (first as i32).into(),
                    users.iter().map(|user| id_text(ids.get(user.user as usize))).collect::<Vec<_>>().into(),
                    NumberArray(users.iter().map(|user| user.segment).collect::<Vec<_>>()).into(),
                    NumberArray(users.iter().map(|user| user.distance).collect::<Vec<_>>()).into(),
                    NumberArray(users.iter().map(|user| user.confidence).collect::<Vec<_>>()).into(),
                    users.iter().map(|user| user.noise).collect::<Vec<_>>().into(),
                    users.iter().map(|user| user.leaf.map(|leaf| leaf as i32)).collect::<Vec<_>>().into(),
                    NumberArray(probabilities.lengths).into(),
                    NumberArray(probabilities.lasts).into(),
                    NumberArray(factors.lengths).into(),
                    NumberArray(factors.lasts).into(),
                    NumberArray(items.lengths).into(),
                    NumberArray(items.lasts).into(),
                    NumberArray(seen.lengths).into(),
                    NumberArray(seen.lasts).into(),
                    NumberArray(probabilities.values).into(),
                    NumberArray(factors.values).into(),
                    NumberArray(items.values).into(),
                    NumberArray(confidences).into(),
                    NumberArray(seen.values).into(),
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

fn append(data: &mut Vec<f32>, row: &Row<'_>, column: usize) -> Result<()> {
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

fn streamed(sql: &str, each: &mut dyn FnMut(&Streamed<'_>) -> Result<()>) -> Result<()> {
    let sql = CString::new(sql).map_err(|_| SegrecError::Internal("a name holds a zero byte".to_owned()))?;
    let mut failed = None;
    as_owner(|| {
        stream(&sql, &mut |row| {
            failed = each(&row).err();
            failed.is_none()
        })
    })?;
    failed.map_or(Ok(()), Err)
}

/// A user of a version.
#[derive(Clone, Debug)]
pub struct StoredUser {
    /// Where the user is stored.
    pub place: i32,
    /// The user's id, as text.
    pub user_id: String,
    /// The id of the segment.
    pub segment: i32,
    /// The user's factors; empty where they had no events.
    pub factors: Vec<f32>,
    /// The items the user had that count, ascending.
    pub items: Vec<u32>,
    /// Their confidences.
    pub confidences: Vec<f32>,
    /// All items the user had, ascending; none where all count.
    seen: Option<Vec<u32>>,
}

impl StoredUser {
    /// All items the user had, ascending.
    pub fn seen(&self) -> &[u32] {
        self.seen.as_deref().unwrap_or(&self.items)
    }
}

/// The columns that [`stored_user`] reads.
const USER_COLUMNS: &str = "user_id, segment, factors, items, confidences, place, seen";

fn stored_user(row: &Row<'_>) -> Result<StoredUser> {
    let NumberArray(items) = row.value::<NumberArray<i32>>(4)?;
    Ok(StoredUser {
        place: row.value(6)?,
        user_id: row.value(1)?,
        segment: row.value(2)?,
        factors: row.value::<NumberArray<f32>>(3)?.0,
        items: items.into_iter().map(|item| item as u32).collect(),
        confidences: row.value::<NumberArray<f32>>(5)?.0,
        seen: seen(row, 7)?,
    })
}

/// The items in a column that is null where they are those that count.
pub fn seen(row: &Row<'_>, column: usize) -> Result<Option<Vec<u32>>> {
    let items = row.get::<NumberArray<i32>>(column)?;
    Ok(items.map(|NumberArray(items)| items.into_iter().map(|item| item as u32).collect()))
}

/// Finds users of a version by id; prepared once for a version.
pub struct UserLookup(super::statement::Prepared);

impl UserLookup {
    /// Prepares the lookup.
    pub fn new(version_id: i64) -> Result<Self> {
        let sql = format!(
            "SELECT {USER_COLUMNS} FROM segrec_catalog.version_users WHERE version_id = {version_id} AND user_id = $1"
        );
        as_owner(|| Ok(Self(super::statement::Prepared::new(&sql, &[pgrx::pg_sys::TEXTOID])?)))
    }

    /// The user with that id.
    pub fn find(&self, user_id: &str) -> Result<Option<StoredUser>> {
        let found = as_owner(|| self.0.query(&[user_id.into()], |row| stored_user(&row)))?;
        Ok(found.into_iter().next())
    }
}

/// Users from a place on, at most `count`. Where a user was forgotten there is a gap.
pub fn load_users(version_id: i64, from_place: i32, count: i32) -> Result<Vec<StoredUser>> {
    let sql = format!(
        "SELECT {USER_COLUMNS} FROM segrec_catalog.version_users \
         WHERE version_id = $1 AND place >= $2 ORDER BY place LIMIT $3"
    );
    let arguments = [version_id.into(), from_place.into(), count.into()];
    as_owner(|| query(&sql, &arguments, |row| stored_user(&row)))
}
