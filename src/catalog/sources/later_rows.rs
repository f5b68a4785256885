//! Rows of the relation of items that were inserted last, read with the caller's rights.

use super::attributes::{AttributeColumns, AttributeRows};
use super::events::with_id;
use super::growing_column::GrowingColumn;
use super::live_rows::{Live, LiveRows};
use crate::error::{Result, SegrecError};
use segrec_engine::EngineError;
use segrec_engine::features::Table;
use segrec_engine::interactions::{Id, IdMap};

/// Reads items in the order in which they were inserted, as long as the relation stays as it is.
pub struct LaterRows {
    columns: AttributeColumns,
    grows: GrowingColumn,
    /// The rows beyond a value.
    beyond: LiveRows,
    /// The keys of the rows with the largest values.
    latest: LiveRows,
    /// The row with a key.
    one: LiveRows,
}

/// Rows that were inserted after others.
pub struct Later {
    /// The largest value of the growing column.
    pub newest: i64,
    /// The rows whose keys were not known, with these; `None` if one does not fit the others, such as a vector of other
    /// dimensions.
    pub rows: Option<(IdMap, Table)>,
}

impl LaterRows {
    /// Prepares the queries; at most `most` rows are read at once.
    pub fn new(columns: AttributeColumns, grows: GrowingColumn, most: u32) -> Result<Self> {
        let [key, value] = [columns.expressions().into_iter().take(1).collect(), vec![grows.expression()]];
        let live = |expressions: [&[String]; 2]| Live {
            relation: columns.relation(),
            key: columns.key(),
            kind: columns.kind(),
            columns: columns.read_names().into_iter().chain([grows.name()]).collect(),
            expressions: expressions.concat(),
        };
        let beyond = LiveRows::beyond(&live([&columns.expressions(), &value]), &grows, most)?;
        let latest = LiveRows::latest(&live([&key, &value]), &grows, most)?;
        let one = LiveRows::new(&live([&key, &Vec::new()]), Some(1))?;
        Ok(Self { columns, grows, beyond, latest, one })
    }

    /// Whether the relation and its columns are unchanged.
    pub fn is_current(&self) -> bool {
        self.beyond.is_current()
    }

    /// The rows whose value is larger than `newest`, without those whose key `is_known`; `None` if there are none, or the
    /// caller may not read them.
    pub fn beyond(&self, newest: i64, is_known: &dyn Fn(Id<'_>) -> bool) -> Result<Option<Later>> {
        let Some(argument) = self.grows.argument(newest) else { return Ok(None) };
        let (mut reading, mut fits, mut last) = (self.columns.reading(), true, newest);
        let place = self.columns.expressions().len();
        self.beyond.rows(&[argument], &mut |row| {
            last = row.integer(place).map_or(last, |value| value.max(last));
            let is_known = with_id(row, 0, self.columns.kind(), is_known).unwrap_or(true);
            match if fits && !is_known { reading.push(row) } else { Ok(()) } {
                Err(SegrecError::Engine(EngineError::Column { .. })) => fits = false,
                pushed => pushed?,
            }
            Ok(())
        })?;
        if last == newest {
            return Ok(None);
        }
        let rows = if fits { Some(reading.finish()?) } else { None };
        let rows = rows.map(|AttributeRows { ids, table, .. }| (ids, table));
        Ok(Some(Later { newest: last, rows }))
    }

    /// The value that all rows have reached which came after those whose keys are known, among the latest: the least
    /// value of the others less one or, if all are known, the largest value. `None` if there are no rows, or the caller
    /// may not read them.
    pub fn known_until(&self, is_known: &dyn Fn(Id<'_>) -> bool) -> Result<Option<i64>> {
        let mut until = None;
        self.latest.rows(&[], &mut |row| {
            let Some(value) = row.integer(1) else { return Ok(()) };
            let is_known = with_id(row, 0, self.columns.kind(), is_known).unwrap_or(true);
            match until {
                None if is_known => until = Some(value),
                _ if !is_known => until = Some(value.saturating_sub(1)),
                _ => {}
            }
            Ok(())
        })?;
        Ok(until)
    }

    /// Whether the caller sees a row with this key.
    pub fn has(&self, key: Id<'_>) -> Result<bool> {
        let mut found = false;
        self.one.of_key(key, &mut |_| {
            found = true;
            Ok(())
        })?;
        Ok(found)
    }
}
