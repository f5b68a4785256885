//! Reads the users of a version by their places: in batches, or the ids of a few. Users are stored segment by segment,
//! in the order of the segments' ids.

use super::users::{StoredRow, StoredSeen, ranks, repeats};
use crate::catalog::statement::{CatalogRow, as_owner, query};
use crate::error::Result;
use crate::pg::datums::number_array::NumberArray;
use segrec_engine::interactions::Repeat;
use std::collections::HashSet;
use std::ops::Range;

/// The number of users per batch: about 2 MB with 64 factors and 30 items.
pub const BATCH: i32 = 4096;

/// The parts of a user that scoring needs.
#[derive(Clone, Debug)]
pub struct Member {
    /// The user's place, which is their position in the stored order.
    pub place: u32,
    /// The id of the user's segment.
    pub segment: i32,
    /// The user's factors; empty without events.
    pub factors: Vec<f32>,
    /// The user's items that the model uses, ascending.
    pub items: Vec<u32>,
    /// The ranks of the items in the order of time; empty if it does not count.
    pub ranks: Vec<f32>,
    /// How often the user took each of the items, as of the training; empty if lists have nothing that the user has.
    pub repeats: Vec<Repeat>,
    /// The row that a scorer keeps for the user.
    pub row: StoredRow,
    /// What the user has seen.
    seen: StoredSeen,
}

impl Member {
    /// Whether the user has seen an item, used by the model or not, which lists leave out: they do, unless it is known how
    /// often the user took it. See [`StoredSeen::left_out`].
    pub fn leaves_out(&self, item: u32, oldest: f64) -> bool {
        self.seen.leaves_out(item, &self.items, oldest)
            && (self.repeats.is_empty() || self.items.binary_search(&item).is_err())
    }
}

/// The columns that [`member`] reads.
const COLUMNS: &str =
    "place, segment, factors, items, seen, ranks, row_items, row_weights, repeats, left_out, left_out_ages";

fn member(row: &CatalogRow<'_>) -> Result<Member> {
    let NumberArray(items) = row.value::<NumberArray<i32>>(4)?;
    Ok(Member {
        place: row.value::<i32>(1)? as u32,
        segment: row.value(2)?,
        factors: row.value::<NumberArray<f32>>(3)?.0,
        items: items.into_iter().map(|item| item as u32).collect(),
        seen: StoredSeen::read(row, [5, 10, 11])?,
        ranks: ranks(row, 6)?,
        row: StoredRow::read(row, 7)?,
        repeats: repeats(row, 9)?,
    })
}

/// Passes every user to `act`, by place; one batch is in memory at a time.
pub fn each(version_id: i64, mut act: impl FnMut(&Member) -> Result<()>) -> Result<()> {
    let sql = format!(
        "SELECT {COLUMNS} FROM segrec_catalog.version_users WHERE version_id = $1 AND place >= $2 ORDER BY place LIMIT $3"
    );
    let mut place = 0;
    loop {
        let arguments = [version_id.into(), place.into(), BATCH.into()];
        let batch = as_owner(|| query(&sql, &arguments, |row| member(&row)))?;
        let Some(last) = batch.last() else { return Ok(()) };
        place = last.place as i32 + 1;
        batch.iter().try_for_each(&mut act)?;
    }
}

/// The users of a segment (by its id) at the given places.
pub fn at_places(version_id: i64, segment: i32, places: &[i32]) -> Result<Vec<Member>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM segrec_catalog.version_users \
         WHERE version_id = $1 AND segment = $2 AND place = ANY ($3::int[]) ORDER BY place"
    );
    as_owner(|| query(&sql, &[version_id.into(), segment.into(), places.to_vec().into()], |row| member(&row)))
}

/// The range of places of a segment (by its id), as it was written.
pub fn places_of_segment(version_id: i64, segment: i32) -> Result<Range<i32>> {
    let sql = "SELECT COALESCE(sum(users) FILTER (WHERE segment < $2), 0)::int, \
                      COALESCE(sum(users) FILTER (WHERE segment <= $2), 0)::int \
               FROM segrec_catalog.segments WHERE version_id = $1";
    let found = as_owner(|| {
        query(sql, &[version_id.into(), segment.into()], |row| Ok(row.value::<i32>(1)?..row.value::<i32>(2)?))
    })?;
    Ok(found.into_iter().next().unwrap_or(0..0))
}

/// The ids of the users of a segment (by its id).
pub fn ids_of_segment(version_id: i64, segment: i32) -> Result<HashSet<String>> {
    let sql = "SELECT user_id FROM segrec_catalog.version_users WHERE version_id = $1 AND segment = $2";
    let found = as_owner(|| query(sql, &[version_id.into(), segment.into()], |row| row.value(1)))?;
    Ok(found.into_iter().collect())
}

/// The ids of the users at the given places, in that order.
pub fn ids(version_id: i64, places: &[u32]) -> Result<Vec<String>> {
    let sql = "SELECT user_id FROM unnest($2::int[]) WITH ORDINALITY AS wanted (place, rank) \
               JOIN segrec_catalog.version_users USING (place) WHERE version_id = $1 ORDER BY rank";
    let places: Vec<i32> = places.iter().map(|&place| place as i32).collect();
    as_owner(|| query(sql, &[version_id.into(), places.into()], |row| row.value(1)))
}
