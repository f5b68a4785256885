//! The partitions that hold a version's users, items and segment items. A version is written to
//! tables of its own, indexed and attached when they are complete, and dropped whole.

use super::statement::{Row, as_owner, execute, query};
use crate::error::Result;
use crate::pg::lock::hold_table;
use crate::pg::packed::Packed;
use segrec_engine::Matrix;
use segrec_engine::interactions::{Id, IdKind, Ids, Interactions};
use std::ffi::CString;

/// Rows of one INSERT: at 64 factors a megabyte of arguments.
const BATCH_ROWS: usize = 4096;

/// A table that is partitioned by version.
struct Partitioned {
    name: &'static str,
    /// The unique keys of a partition.
    keys: &'static [&'static str],
    /// Its arrays: stored as they are, since factors do not compress, and without statistics, since
    /// nobody searches in them and they would cost more than everything else to gather.
    arrays: &'static [&'static str],
}

const TABLES: [Partitioned; 3] = [
    Partitioned {
        name: "version_users",
        keys: &["version_id, user_id", "version_id, place"],
        arrays: &["factors", "items", "confidences"],
    },
    Partitioned {
        name: "version_items",
        keys: &["version_id, item", "version_id, item_id"],
        arrays: &["factors"],
    },
    Partitioned { name: "version_segment_items", keys: &["version_id, segment, item"], arrays: &["factors"] },
];

fn partition(table: &str, version_id: i64) -> String {
    format!("segrec_catalog.{table}_{version_id}")
}

/// Creates the empty tables of a version.
pub fn create(version_id: i64) -> Result<()> {
    as_owner(|| {
        for Partitioned { name, arrays, .. } in TABLES {
            let partition = partition(name, version_id);
            // The check spares ATTACH the scan that would prove it.
            let check = format!("CHECK (version_id = {version_id})");
            execute(
                &format!("CREATE TABLE {partition} (LIKE segrec_catalog.{name}, {check}) USING heap"),
                &[],
            )?;
            for column in arrays {
                let alter = format!("ALTER TABLE {partition} ALTER {column}");
                execute(&format!("{alter} SET STORAGE EXTERNAL"), &[])?;
                execute(&format!("{alter} SET STATISTICS 0"), &[])?;
            }
        }
        Ok(())
    })
}

/// Indexes the tables of a version, gathers their statistics and attaches them to the parents.
pub fn attach(version_id: i64) -> Result<()> {
    as_owner(|| {
        for Partitioned { name, keys, .. } in TABLES {
            let partition = partition(name, version_id);
            for key in keys {
                execute(&format!("CREATE UNIQUE INDEX ON {partition} ({key})"), &[])?;
            }
            execute(&format!("ANALYZE {partition}"), &[])?;
            let attach = format!("ATTACH PARTITION {partition} FOR VALUES IN ({version_id})");
            execute(&format!("ALTER TABLE segrec_catalog.{name} {attach}"), &[])?;
        }
        Ok(())
    })
}

/// Drops the tables of a version.
pub fn drop_tables(version_id: i64) -> Result<()> {
    as_owner(|| {
        for Partitioned { name, .. } in TABLES {
            execute(&format!("DROP TABLE IF EXISTS {}", partition(name, version_id)), &[])?;
        }
        Ok(())
    })
}

/// Keeps the tables of a version to the end of the transaction; false where they were dropped. The
/// table of users is the first that [`drop_tables`] waits for.
pub fn hold(version_id: i64) -> bool {
    CString::new(format!("version_users_{version_id}")).is_ok_and(|name| hold_table(c"segrec_catalog", &name))
}

/// An id as text.
pub fn id_text(id: Id<'_>) -> String {
    match id {
        Id::Bigint(id) => id.to_string(),
        Id::Uuid(id) => pgrx::Uuid::from_bytes(id).to_string(),
        Id::Text(id) => id.to_owned(),
    }
}

/// Appends the id that a text stands for; false where it stands for none of that kind.
pub fn push_id(ids: &mut Ids, text: &str) -> bool {
    match ids.kind() {
        IdKind::Bigint => text.parse().is_ok_and(|id| ids.push(Id::Bigint(id))),
        IdKind::Uuid => parse_uuid(text).is_some_and(|id| ids.push(Id::Uuid(id))),
        IdKind::Text => ids.push(Id::Text(text)),
    }
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

/// Writes the items with the backbone's factors (items × k).
pub fn write_items(version_id: i64, ids: &Ids, interactions: &Interactions, factors: &Matrix) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (version_id, item, item_id, users, factors) \
         SELECT $1, $2 + ordinality - 1, item_id, users, \
                ($5::real[])[(ordinality - 1) * $6 + 1 : ordinality * $6] \
         FROM unnest($3::text[], $4::int[]) WITH ORDINALITY AS row (item_id, users, ordinality)",
        partition("version_items", version_id)
    );
    let k = factors.columns();
    as_owner(|| {
        for first in (0..ids.len()).step_by(BATCH_ROWS) {
            let range = first..(first + BATCH_ROWS).min(ids.len());
            execute(
                &sql,
                &[
                    version_id.into(),
                    (first as i32).into(),
                    range.clone().map(|item| id_text(ids.get(item))).collect::<Vec<_>>().into(),
                    range
                        .clone()
                        .map(|item| interactions.by_item().row_len(item) as i32)
                        .collect::<Vec<_>>()
                        .into(),
                    Packed(factors.data()[range.start * k..range.end * k].to_vec()).into(),
                    (k as i32).into(),
                ],
            )?;
        }
        Ok(())
    })
}

/// Writes the items of a segment (numbered from 0 here, from 1 in SQL); `factors` (items × k) where
/// the segment has its own.
pub fn write_segment_items(
    version_id: i64,
    segment: usize,
    items: &[u32],
    users: &[u32],
    factors: Option<&Matrix>,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (version_id, segment, item, users, factors) \
         SELECT $1, $2, item, users, ($5::real[])[(ordinality - 1) * $6 + 1 : ordinality * $6] \
         FROM unnest($3::int[], $4::int[]) WITH ORDINALITY AS row (item, users, ordinality)",
        partition("version_segment_items", version_id)
    );
    as_owner(|| {
        for first in (0..items.len()).step_by(BATCH_ROWS) {
            let range = first..(first + BATCH_ROWS).min(items.len());
            let (k, rows) = match factors {
                Some(factors) => {
                    let k = factors.columns();
                    (k as i32, Some(Packed(factors.data()[range.start * k..range.end * k].to_vec())))
                }
                None => (0, None),
            };
            execute(
                &sql,
                &[
                    version_id.into(),
                    (segment as i32 + 1).into(),
                    items[range.clone()].iter().map(|&item| item as i32).collect::<Vec<_>>().into(),
                    users[range].iter().map(|&count| count as i32).collect::<Vec<_>>().into(),
                    rows.into(),
                    k.into(),
                ],
            )?;
        }
        Ok(())
    })
}

/// A user as it is written.
pub struct NewUser {
    /// The user's number in the training.
    pub user: u32,
    /// The segment, from 0.
    pub segment: u32,
    /// How far from its centroid.
    pub distance: f32,
    /// How clearly a member.
    pub confidence: f32,
}

/// Writes the users in the given order, with their factors (users × k, by number) and what they had.
pub fn write_users(
    version_id: i64,
    ids: &Ids,
    users: &[NewUser],
    factors: &Matrix,
    interactions: &Interactions,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (version_id, place, user_id, segment, distance, confidence, factors, items, confidences) \
         SELECT $1, $2 + ordinality - 1, user_id, segment, distance, confidence, \
                ($7::real[])[(ordinality - 1) * $8 + 1 : ordinality * $8], \
                COALESCE(($9::int[])[last - length + 1 : last], '{{}}'), \
                COALESCE(($10::real[])[last - length + 1 : last], '{{}}') \
         FROM unnest($3::text[], $4::int[], $5::real[], $6::real[], $11::int[], $12::int[]) \
              WITH ORDINALITY AS row (user_id, segment, distance, confidence, length, last, ordinality)",
        partition("version_users", version_id)
    );
    let k = factors.columns();
    as_owner(|| {
        for (batch, users) in users.chunks(BATCH_ROWS).enumerate() {
            let mut batch_factors = Vec::with_capacity(users.len() * k);
            let (mut items, mut confidences) = (Vec::new(), Vec::new());
            let (mut lengths, mut lasts) = (Vec::new(), Vec::new());
            for user in users {
                batch_factors.extend_from_slice(factors.row(user.user as usize));
                let (row, weights) = interactions.by_user().row(user.user as usize);
                items.extend(row.iter().map(|&item| item as i32));
                confidences.extend_from_slice(weights);
                lengths.push(row.len() as i32);
                lasts.push(items.len() as i32);
            }
            execute(
                &sql,
                &[
                    version_id.into(),
                    ((batch * BATCH_ROWS) as i32).into(),
                    users.iter().map(|user| id_text(ids.get(user.user as usize))).collect::<Vec<_>>().into(),
                    users.iter().map(|user| user.segment as i32 + 1).collect::<Vec<_>>().into(),
                    Packed(users.iter().map(|user| user.distance).collect::<Vec<_>>()).into(),
                    Packed(users.iter().map(|user| user.confidence).collect::<Vec<_>>()).into(),
                    Packed(batch_factors).into(),
                    (k as i32).into(),
                    Packed(items).into(),
                    Packed(confidences).into(),
                    Packed(lengths).into(),
                    Packed(lasts).into(),
                ],
            )?;
        }
        Ok(())
    })
}

/// The items of a version with the number of users of each, in the order of their numbers.
pub fn load_items(version_id: i64, kind: IdKind) -> Result<(Ids, Vec<u32>)> {
    let sql = format!("SELECT item_id, users FROM {} ORDER BY item", partition("version_items", version_id));
    let mut ids = Ids::new(kind);
    let users = as_owner(|| {
        query(&sql, &[], |row| {
            push_id(&mut ids, &row.value::<String>(1)?);
            Ok(row.value::<i32>(2)? as u32)
        })
    })?;
    Ok((ids, users))
}

/// The backbone's factors of all items (items × k).
pub fn load_backbone(version_id: i64, k: usize) -> Result<Matrix> {
    let sql = format!("SELECT factors FROM {} ORDER BY item", partition("version_items", version_id));
    let mut data = Vec::new();
    as_owner(|| query(&sql, &[], |row| append(&mut data, &row, 1)))?;
    Ok(Matrix::from_data(k, data)?)
}

/// The backbone's factors of some items (ascending), in that order.
pub fn load_backbone_rows(version_id: i64, items: &[u32], k: usize) -> Result<Matrix> {
    let sql = format!(
        "SELECT factors FROM {} WHERE version_id = $1 AND item = ANY ($2::int[]) ORDER BY item",
        partition("version_items", version_id)
    );
    let items: Vec<i32> = items.iter().map(|&item| item as i32).collect();
    let mut data = Vec::with_capacity(items.len() * k);
    as_owner(|| query(&sql, &[version_id.into(), items.into()], |row| append(&mut data, &row, 1)))?;
    Ok(Matrix::from_data(k, data)?)
}

fn append(data: &mut Vec<f32>, row: &Row<'_>, column: usize) -> Result<()> {
    data.extend(row.value::<Packed<f32>>(column)?.0);
    Ok(())
}

/// The items of a segment (from 0) with the number of its users that have each, and the segment's own
/// factors, empty where it has none.
pub fn load_segment_items(version_id: i64, segment: u32, k: usize) -> Result<(Vec<u32>, Vec<u32>, Matrix)> {
    let sql = format!(
        "SELECT item, users, factors FROM {} WHERE version_id = $1 AND segment = $2 ORDER BY item",
        partition("version_segment_items", version_id)
    );
    let (mut items, mut users, mut data) = (Vec::new(), Vec::new(), Vec::new());
    as_owner(|| {
        query(&sql, &[version_id.into(), (segment as i32 + 1).into()], |row| {
            items.push(row.value::<i32>(1)? as u32);
            users.push(row.value::<i32>(2)? as u32);
            data.extend(row.get::<Packed<f32>>(3)?.map_or_else(Vec::new, |factors| factors.0));
            Ok(())
        })
    })?;
    Ok((items, users, Matrix::from_data(k, data)?))
}

/// A user of a version.
#[derive(Clone, Debug)]
pub struct StoredUser {
    /// The user's id, as text.
    pub user_id: String,
    /// The segment, from 0.
    pub segment: u32,
    /// The user's factors.
    pub factors: Vec<f32>,
    /// The items the user had, ascending.
    pub items: Vec<u32>,
    /// Their confidences.
    pub confidences: Vec<f32>,
}

/// The columns that [`stored_user`] reads.
const USER_COLUMNS: &str = "user_id, segment, factors, items, confidences";

fn stored_user(row: &Row<'_>) -> Result<StoredUser> {
    let Packed(items) = row.value::<Packed<i32>>(4)?;
    Ok(StoredUser {
        user_id: row.value(1)?,
        segment: (row.value::<i32>(2)? - 1) as u32,
        factors: row.value::<Packed<f32>>(3)?.0,
        items: items.into_iter().map(|item| item as u32).collect(),
        confidences: row.value::<Packed<f32>>(5)?.0,
    })
}

/// Finds users of a version by id; prepared once for a version.
pub struct UserLookup(super::statement::Prepared);

impl UserLookup {
    /// Prepares the lookup.
    pub fn new(version_id: i64) -> Result<Self> {
        let sql = format!(
            "SELECT {USER_COLUMNS} FROM {} WHERE version_id = {version_id} AND user_id = $1",
            partition("version_users", version_id)
        );
        as_owner(|| Ok(Self(super::statement::Prepared::new(&sql, &[pgrx::pg_sys::BuiltinOid::TEXTOID])?)))
    }

    /// The user with that id.
    pub fn find(&self, user_id: &str) -> Result<Option<StoredUser>> {
        let found = as_owner(|| self.0.query(&[user_id.into()], |row| stored_user(&row)))?;
        Ok(found.into_iter().next())
    }
}

/// Users from a place on, at most `count`.
pub fn load_users(version_id: i64, from_place: i32, count: i32) -> Result<Vec<StoredUser>> {
    let sql = format!(
        "SELECT {USER_COLUMNS} FROM {} WHERE version_id = $1 AND place >= $2 AND place < $2 + $3 ORDER BY place",
        partition("version_users", version_id)
    );
    as_owner(|| query(&sql, &[version_id.into(), from_place.into(), count.into()], |row| stored_user(&row)))
}
