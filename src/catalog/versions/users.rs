//! The table of a version's users. Rows are written once, in the order of their places.

use super::bulk_insert::{Ragged, batches, filled, slice};
use crate::catalog::statement::{CatalogRow, PreparedQuery, as_owner, execute, query};
use crate::error::Result;
use crate::pg::datums::id_text::{id_bytes, id_text};
use crate::pg::datums::number_array::NumberArray;
use pgrx::pg_sys;
use segrec_engine::interactions::{Ids, Repeat};
use segrec_engine::scorers::method::UserRow;
use std::borrow::Cow;
use std::collections::HashMap;

/// Whether the users of a version are stored; a restore may have omitted them.
pub fn are_stored(version_id: i64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM segrec_catalog.version_users WHERE version_id = $1)";
    Ok(as_owner(|| query(sql, &[version_id.into()], |row| row.value::<bool>(1)))? == [true])
}

/// The contents of a user's row.
pub struct NewUser<'a> {
    /// The user's number in the training.
    pub user: u32,
    /// The id of the segment.
    pub segment: i32,
    /// The distance from the segment's centroid.
    pub distance: f32,
    /// The confidence of the assignment.
    pub confidence: f32,
    /// Whether the user is noise, that is in no dense region.
    pub noise: bool,
    /// The leaf of the merge tree.
    pub leaf: Option<u32>,
    /// The probability of each segment, ordered by id; empty if the method computes none.
    pub probabilities: Vec<f32>,
    /// The user's factors; empty without events.
    pub factors: &'a [f32],
    /// The items that the model uses, ascending.
    pub items: &'a [u32],
    pub confidences: &'a [f32],
    /// The ranks of the items in the order of time; empty if it does not count.
    pub ranks: &'a [f32],
    /// How often the user took each of the items; empty for all users if lists have nothing that a user has.
    pub repeats: &'a [Repeat],
    /// All items, ascending; empty if the model uses all of them.
    pub seen: &'a [u32],
    /// The items that lists leave out, ascending, with their ages in seconds, which are empty if that is for ever; `None` if
    /// they leave out all of them for ever.
    pub left_out: Option<(&'a [u32], &'a [f32])>,
    /// The row that a scorer keeps for the user; empty if none does.
    pub row: UserRow<'a>,
}

/// Writes users in the given order.
pub fn write_users(version_id: i64, ids: &Ids, users: &[NewUser<'_>]) -> Result<()> {
    let sql = format!(
        "INSERT INTO segrec_catalog.version_users (version_id, place, user_id, segment, distance, confidence, noise, leaf, probabilities, \
             factors, items, confidences, seen, ranks, row_items, row_weights, repeats, left_out, left_out_ages) \
         SELECT $1, $2 + ordinality - 1, user_id, segment, distance, confidence, noise, leaf, \
                NULLIF({}, '{{}}'), {}, {}, {}, NULLIF({}, '{{}}'), NULLIF({}, '{{}}'), NULLIF({}, '{{}}'), NULLIF({}, '{{}}'), NULLIF({}, '{{}}'), \
                CASE WHEN $30 THEN {} END, CASE WHEN $31 THEN {} END \
         FROM unnest($3::text[], $4::int[], $5::real[], $6::real[], $7::bool[], $8::int[], $9::int[], $10::int[], \
                     $11::int[], $12::int[], $13::int[], $14::int[], $15::int[], $16::int[], $17::int[], $18::int[], $25::int[], $26::int[], \
                     $32::int[], $33::int[]) \
              WITH ORDINALITY AS row (user_id, segment, distance, confidence, noise, leaf, p_length, p_last, \
                                      f_length, f_last, i_length, i_last, s_length, s_last, r_length, r_last, w_length, w_last, o_length, o_last, ordinality)",
        slice("$19::real[]", "p_length", "p_last"),
        filled("$20::real[]", "f_length", "f_last"),
        filled("$21::int[]", "i_length", "i_last"),
        filled("$22::real[]", "i_length", "i_last"),
        slice("$23::int[]", "s_length", "s_last"),
        slice("$24::real[]", "r_length", "r_last"),
        slice("$27::int[]", "w_length", "w_last"),
        slice("$28::real[]", "w_length", "w_last"),
        slice("$29::real[]", "3 * i_length", "3 * i_last"),
        filled("$34::int[]", "o_length", "o_last"),
        filled("$35::real[]", "o_length", "o_last"),
    );
    let tells_left_out = users.iter().any(|user| user.left_out.is_some());
    let tells_ages = users.iter().any(|user| user.left_out.is_some_and(|(_, ages)| !ages.is_empty()));
    let bytes = |place: usize| {
        let NewUser { user, probabilities, factors, items, ranks, repeats, seen, left_out, row, .. } =
            &users[place];
        let reals = probabilities.len()
            + factors.len()
            + 2 * items.len()
            + ranks.len()
            + 3 * repeats.len()
            + seen.len()
            + left_out.map_or(0, |(items, ages)| items.len() + ages.len())
            + 2 * row.items.len();
        id_bytes(ids.get(*user as usize)) + 4 * reals
    };
    as_owner(|| {
        for range in batches(users.len(), bytes) {
            let (first, users) = (range.start, &users[range]);
            let (mut probabilities, mut factors) = (Ragged::default(), Ragged::default());
            let (mut items, mut confidences) = (Ragged::default(), Vec::new());
            let (mut seen, mut ranks) = (Ragged::default(), Ragged::default());
            let (mut row_items, mut row_weights) = (Ragged::default(), Vec::new());
            let mut repeats = Vec::new();
            let (mut left_out, mut left_out_ages) = (Ragged::default(), Vec::new());
            for user in users {
                let (out, ages) = user.left_out.unwrap_or_default();
                left_out.push(out.iter().map(|&item| item as i32));
                left_out_ages.extend_from_slice(ages);
                probabilities.push(user.probabilities.iter().copied());
                factors.push(user.factors.iter().copied());
                items.push(user.items.iter().map(|&item| item as i32));
                confidences.extend_from_slice(user.confidences);
                seen.push(user.seen.iter().map(|&item| item as i32));
                ranks.push(user.ranks.iter().copied());
                row_items.push(user.row.items.iter().map(|&item| item as i32));
                row_weights.extend_from_slice(user.row.weights);
                repeats.extend(user.repeats.iter().flat_map(|own| [own.times, own.span, own.since]));
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
                    NumberArray(ranks.lengths).into(),
                    NumberArray(ranks.lasts).into(),
                    NumberArray(probabilities.values).into(),
                    NumberArray(factors.values).into(),
                    NumberArray(items.values).into(),
                    NumberArray(confidences).into(),
                    NumberArray(seen.values).into(),
                    NumberArray(ranks.values).into(),
                    NumberArray(row_items.lengths).into(),
                    NumberArray(row_items.lasts).into(),
                    NumberArray(row_items.values).into(),
                    NumberArray(row_weights).into(),
                    NumberArray(repeats).into(),
                    tells_left_out.into(),
                    tells_ages.into(),
                    NumberArray(left_out.lengths).into(),
                    NumberArray(left_out.lasts).into(),
                    NumberArray(left_out.values).into(),
                    NumberArray(left_out_ages).into(),
                ],
            )?;
        }
        Ok(())
    })
}

/// A stored user of a version.
#[derive(Clone, Debug)]
pub struct StoredUser {
    /// The user's place, which is their position in the stored order.
    pub place: i32,
    /// The id as text.
    pub user_id: String,
    /// The id of the segment.
    pub segment: i32,
    /// The user's factors; empty without events.
    pub factors: Vec<f32>,
    /// The user's items that the model uses, ascending.
    pub items: Vec<u32>,
    pub confidences: Vec<f32>,
    /// The ranks of the items in the order of time; empty if it does not count.
    pub ranks: Vec<f32>,
    /// How often the user took each of the items, as of the training; empty if lists have nothing that the user has.
    pub repeats: Vec<Repeat>,
    /// The row that a scorer keeps for the user.
    pub row: StoredRow,
    /// What the user has seen.
    seen: StoredSeen,
}

impl StoredUser {
    /// All items of the user, ascending.
    pub fn seen(&self) -> &[u32] {
        self.seen.all(&self.items)
    }

    /// What lists leave out of what the user has seen, ascending; see [`StoredSeen::left_out`].
    pub fn left_out(&self, oldest: f64) -> Cow<'_, [u32]> {
        self.seen.left_out(&self.items, oldest)
    }
}

/// What a user has seen, as of the training.
#[derive(Clone, Debug)]
pub struct StoredSeen {
    /// All items of the user, ascending; `None` if the model uses all of them.
    all: Option<Vec<u32>>,
    /// Those that lists leave out, ascending; `None` for all.
    left_out: Option<Vec<u32>>,
    /// The ages of these in seconds; empty if they are left out for ever.
    ages: Vec<f32>,
}

impl StoredSeen {
    /// Reads three columns: all items, which is null if the model uses all of them, and two that are null if lists leave out
    /// all of them, or for ever.
    pub fn read(row: &CatalogRow<'_>, [all, left_out, ages]: [usize; 3]) -> Result<Self> {
        Ok(Self { all: numbers(row, all)?, left_out: numbers(row, left_out)?, ages: ranks(row, ages)? })
    }

    /// All items of a user of whose items the model uses these, ascending.
    pub fn all<'a>(&'a self, items: &'a [u32]) -> &'a [u32] {
        self.all.as_deref().unwrap_or(items)
    }

    /// What lists leave out of what such a user has seen, ascending: only what was at the training not older than `oldest`
    /// (seconds), if ages are known.
    pub fn left_out<'a>(&'a self, items: &'a [u32], oldest: f64) -> Cow<'a, [u32]> {
        match (&self.left_out, self.ages.as_slice()) {
            (None, _) => Cow::Borrowed(self.all(items)),
            (Some(left_out), []) => Cow::Borrowed(left_out),
            (Some(left_out), ages) => {
                let pairs = left_out.iter().zip(ages);
                Cow::Owned(
                    pairs.filter(|(_, age)| f64::from(**age) < oldest).map(|(item, _)| *item).collect(),
                )
            }
        }
    }

    /// Whether [`Self::left_out`] has an item.
    pub fn leaves_out(&self, item: u32, items: &[u32], oldest: f64) -> bool {
        match &self.left_out {
            None => self.all(items).binary_search(&item).is_ok(),
            Some(left_out) => left_out
                .binary_search(&item)
                .is_ok_and(|place| self.ages.get(place).is_none_or(|age| f64::from(*age) < oldest)),
        }
    }
}

/// The columns that [`stored_user`] reads.
const USER_COLUMNS: &str = "user_id, segment, factors, items, confidences, place, seen, ranks, row_items, row_weights, repeats, left_out, left_out_ages";

fn stored_user(row: &CatalogRow<'_>) -> Result<StoredUser> {
    let NumberArray(items) = row.value::<NumberArray<i32>>(4)?;
    Ok(StoredUser {
        place: row.value(6)?,
        user_id: row.value(1)?,
        segment: row.value(2)?,
        factors: row.value::<NumberArray<f32>>(3)?.0,
        items: items.into_iter().map(|item| item as u32).collect(),
        confidences: row.value::<NumberArray<f32>>(5)?.0,
        seen: StoredSeen::read(row, [7, 12, 13])?,
        ranks: ranks(row, 8)?,
        row: StoredRow::read(row, 9)?,
        repeats: repeats(row, 11)?,
    })
}

/// Reads a column of items, which may be null.
fn numbers(row: &CatalogRow<'_>, column: usize) -> Result<Option<Vec<u32>>> {
    let items = row.get::<NumberArray<i32>>(column)?;
    Ok(items.map(|NumberArray(items)| items.into_iter().map(|item| item as u32).collect()))
}

/// The row of items that a scorer keeps for a user; empty if none does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredRow {
    items: Vec<u32>,
    weights: Vec<f32>,
}

impl StoredRow {
    /// Reads two columns, which are null if there is no row.
    pub fn read(row: &CatalogRow<'_>, column: usize) -> Result<Self> {
        let items = numbers(row, column)?.unwrap_or_default();
        Ok(Self { items, weights: ranks(row, column + 1)? })
    }

    /// The row as scorers take it.
    pub fn view(&self) -> UserRow<'_> {
        UserRow { items: &self.items, weights: &self.weights }
    }
}

/// Reads a column of ranks, which is null if the order of items does not count.
pub fn ranks(row: &CatalogRow<'_>, column: usize) -> Result<Vec<f32>> {
    Ok(row.get::<NumberArray<f32>>(column)?.map_or_else(Vec::new, |NumberArray(ranks)| ranks))
}

/// Reads a column of how often a user took each item, three numbers each, which is null if lists have nothing that a user has.
pub fn repeats(row: &CatalogRow<'_>, column: usize) -> Result<Vec<Repeat>> {
    let numbers = ranks(row, column)?;
    let (all, _) = numbers.as_chunks();
    Ok(all.iter().map(|&[times, span, since]| Repeat { times, span, since }).collect())
}

/// A prepared lookup of a version's users by id.
pub struct UserLookup(PreparedQuery);

impl UserLookup {
    /// Prepares the lookup.
    pub fn new(version_id: i64) -> Result<Self> {
        let sql = format!(
            "SELECT {USER_COLUMNS} FROM segrec_catalog.version_users WHERE version_id = {version_id} AND user_id = $1"
        );
        as_owner(|| Ok(Self(PreparedQuery::new(&sql, &[pg_sys::TEXTOID])?)))
    }

    /// The user with this id.
    pub fn find(&self, user_id: &str) -> Result<Option<StoredUser>> {
        let found = as_owner(|| self.0.query(&[user_id.into()], |row| stored_user(&row)))?;
        Ok(found.into_iter().next())
    }
}

/// A prepared lookup of the segments of many of a version's users.
pub struct SegmentLookup(PreparedQuery);

impl SegmentLookup {
    /// Prepares the lookup.
    pub fn new(version_id: i64) -> Result<Self> {
        let sql = format!(
            "SELECT user_id, segment FROM segrec_catalog.version_users WHERE version_id = {version_id} AND user_id = ANY ($1)"
        );
        as_owner(|| Ok(Self(PreparedQuery::new(&sql, &[pg_sys::TEXTARRAYOID])?)))
    }

    /// The ids of the segments of those users that the version has.
    pub fn find(&self, user_ids: Vec<String>) -> Result<HashMap<String, i32>> {
        let found = as_owner(|| self.0.query(&[user_ids.into()], |row| Ok((row.value(1)?, row.value(2)?))))?;
        Ok(found.into_iter().collect())
    }
}

/// Loads at most `count` users from a place on. Places of forgotten users are empty.
pub fn load_users(version_id: i64, from_place: i32, count: i32) -> Result<Vec<StoredUser>> {
    let sql = format!(
        "SELECT {USER_COLUMNS} FROM segrec_catalog.version_users \
         WHERE version_id = $1 AND place >= $2 ORDER BY place LIMIT $3"
    );
    let arguments = [version_id.into(), from_place.into(), count.into()];
    as_owner(|| query(&sql, &arguments, |row| stored_user(&row)))
}
