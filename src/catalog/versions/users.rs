//! The table of a version's users: rows that are written once, in the order of their places.

use super::bulk_insert::{Ragged, batches, filled, slice};
use crate::catalog::statement::{CatalogRow, PreparedQuery, as_owner, execute, query};
use crate::error::Result;
use crate::pg::datums::id_text::{id_bytes, id_text};
use crate::pg::datums::number_array::NumberArray;
use pgrx::pg_sys;
use segrec_engine::interactions::Ids;

/// Whether anything is stored of a version's users: a restore may have left that out.
pub fn are_stored(version_id: i64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM segrec_catalog.version_users WHERE version_id = $1)";
    Ok(as_owner(|| query(sql, &[version_id.into()], |row| row.value::<bool>(1)))? == [true])
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
    pub confidences: &'a [f32],
    /// All items, ascending; empty where all count.
    pub seen: &'a [u32],
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

fn stored_user(row: &CatalogRow<'_>) -> Result<StoredUser> {
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
pub fn seen(row: &CatalogRow<'_>, column: usize) -> Result<Option<Vec<u32>>> {
    let items = row.get::<NumberArray<i32>>(column)?;
    Ok(items.map(|NumberArray(items)| items.into_iter().map(|item| item as u32).collect()))
}

/// Finds users of a version by id; prepared once for a version.
pub struct UserLookup(PreparedQuery);

impl UserLookup {
    /// Prepares the lookup.
    pub fn new(version_id: i64) -> Result<Self> {
        let sql = format!(
            "SELECT {USER_COLUMNS} FROM segrec_catalog.version_users WHERE version_id = {version_id} AND user_id = $1"
        );
        as_owner(|| Ok(Self(PreparedQuery::new(&sql, &[pg_sys::TEXTOID])?)))
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
