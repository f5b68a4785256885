//! Counts events without reading them.

use super::queries::{Clauses, query_of};
use super::relations::{ColumnRole, EventColumns};
use crate::error::{Result, SegrecError};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use segrec_engine::interactions::Spread;
use std::collections::BTreeMap;

/// The number of events.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// The number of rows.
    pub rows: i64,
    /// The number of rows later than a moment but not in the future; `None` if events have no times.
    pub later: i64,
}

/// Counts all rows, and those later than `moment` (microseconds since 2000) that are not in the future.
pub fn count(columns: &EventColumns, moment: i64) -> Result<Count> {
    let moment = TimestampWithTimeZone::try_from(moment)
        .map_err(|error| SegrecError::Internal(format!("a version's latest event has no time: {error}")))?;
    let later = match &columns.time {
        Some(column) => {
            let time = column.expression(ColumnRole::Time);
            format!("{time} OPERATOR(pg_catalog.>) $1 AND {time} OPERATOR(pg_catalog.<=) pg_catalog.now()")
        }
        None => "$1 IS NULL".to_owned(),
    };
    let what = format!("pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE {later})");
    let query = query_of(&columns.relation, &what, Clauses::default(), &[pg_sys::TIMESTAMPTZOID])?;
    let mut count = Count { rows: 0, later: 0 };
    query.run(&[moment.into()], &mut |row| {
        count = Count { rows: row.integer(0).unwrap_or(0), later: row.integer(1).unwrap_or(0) };
        true
    })?;
    Ok(count)
}

/// The numbers of rows, users and items, and the spread of rows over items.
pub fn size(columns: &EventColumns) -> Result<([usize; 3], Spread)> {
    let [user, item] = [&columns.user, &columns.item].map(|column| column.expression(ColumnRole::Id));
    let what = format!("pg_catalog.count(*), pg_catalog.count(DISTINCT {user})");
    let [mut rows, mut users] = [0; 2];
    query_of(&columns.relation, &what, Clauses::default(), &[])?.run(&[], &mut |row| {
        [rows, users] = [0, 1].map(|column| row.integer(column).unwrap_or(0));
        true
    })?;
    // Count the groups by their size: how many items have how many events.
    let (condition, rest) = (format!("{item} IS NOT NULL"), format!("GROUP BY {item}"));
    let clauses = Clauses { condition: &condition, rest: &rest };
    let (mut items, mut spread) = (0, BTreeMap::<u64, u64>::new());
    query_of(&columns.relation, "pg_catalog.count(*)", clauses, &[])?.run(&[], &mut |row| {
        items += 1;
        *spread.entry(row.integer(0).unwrap_or(0) as u64).or_default() += 1;
        true
    })?;
    let mut of_items = Spread::default();
    spread.into_iter().for_each(|(events, items)| of_items.add(items, events));
    Ok(([rows as usize, users as usize, items], of_items))
}
