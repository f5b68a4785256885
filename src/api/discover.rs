//! `segrec_trending`, `segrec_latest`: lists that are the same for everybody.

use super::recommend::{Allowed, count};
use crate::error::{Result, SegrecError, or_raise};
use crate::pg::datums::id_lists::{Filter, List};
use crate::pg::datums::id_text::id_text;
use crate::pg::datums::integer::{Integer, number};
use crate::pg::datums::text::Text;
use crate::serving::{self, retry_after_cache_damage};
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;

/// Rows of items that rise: rank, item, lift, events now, and those expected.
type RisingLines = Vec<(i32, Text, f32, f32, f32)>;

/// Rows of new items: rank, item, and when it was added.
type NewestLines = Vec<(i32, Text, Option<TimestampWithTimeZone>)>;

/// The seconds of a half-life, which must be positive and finite.
fn seconds(half_life: Option<Interval>) -> Result<f64> {
    let given = half_life.ok_or(SegrecError::NullArgument { argument: "half_life" })?;
    let seconds = given.as_micros() as f64 / 1e6;
    // The largest interval that is not infinite has 178,000,000 years; a thousand are enough.
    match seconds > 0.0 && seconds <= 1000.0 * 366.0 * 86_400.0 {
        true => Ok(seconds),
        false => Err(SegrecError::InvalidHalfLife { seconds }),
    }
}

#[pg_extern(sql = false)]
fn segrec_trending(
    n: Option<i64>,
    model: Option<Text>,
    half_life: Option<Interval>,
    segment: Option<Integer>,
    exclude: Option<List<Text>>,
    max_per_group: Option<i64>,
    skip: Option<i64>,
) -> TableIterator<
    'static,
    (name!(rank, i32), name!(item_id, Text), name!(score, f32), name!(recent, f32), name!(expected, f32)),
> {
    let allowed = Allowed { candidates: Filter(None), exclude, max_per_group, skip };
    let half_life = or_raise(seconds(half_life));
    let found = || -> Result<RisingLines> {
        let (n, selection) = (count(n)?, allowed.selection()?);
        let list = serving::trending(n, model.as_deref(), half_life, number(segment), &selection)?;
        let ids = list.version.item_ids();
        let lines = (1 + list.skip as i64..).zip(&list.items).filter_map(|(rank, own)| {
            let id = id_text(ids.get(own.item as usize)).into();
            Some((i32::try_from(rank).ok()?, id, own.lift, own.recent, own.expected))
        });
        Ok(lines.collect())
    };
    TableIterator::new(or_raise(retry_after_cache_damage(found)))
}

#[pg_extern(sql = false)]
fn segrec_latest(
    n: Option<i64>,
    model: Option<Text>,
    exclude: Option<List<Text>>,
    max_per_group: Option<i64>,
    skip: Option<i64>,
) -> TableIterator<
    'static,
    (name!(rank, i32), name!(item_id, Text), name!(added_at, Option<TimestampWithTimeZone>)),
> {
    let allowed = Allowed { candidates: Filter(None), exclude, max_per_group, skip };
    let found = || -> Result<NewestLines> {
        let (n, selection) = (count(n)?, allowed.selection()?);
        let list = serving::latest(n, model.as_deref(), &selection)?;
        let lines = (1 + selection.skip as i64..).zip(list).filter_map(|(rank, (id, added))| {
            let added = added.and_then(|added| TimestampWithTimeZone::try_from(added).ok());
            Some((i32::try_from(rank).ok()?, id.into(), added))
        });
        Ok(lines.collect())
    };
    TableIterator::new(or_raise(retry_after_cache_damage(found)))
}
