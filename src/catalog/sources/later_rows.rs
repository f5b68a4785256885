//! Rows of the relation of items beyond a key, read with the caller's rights: what was inserted last, where keys grow.

use super::attributes::AttributeColumns;
use super::events::with_id;
use super::live_rows::{Live, LiveRows};
use crate::error::{Result, SegrecError};
use segrec_engine::EngineError;
use segrec_engine::features::Table;
use segrec_engine::interactions::{Id, Ids};

/// Reads items by their keys, as long as the relation stays as it is.
pub struct LaterRows {
    columns: AttributeColumns,
    /// The rows beyond a key.
    beyond: LiveRows,
    /// The row with a key.
    one: LiveRows,
}

impl LaterRows {
    /// Prepares the queries; at most `most` rows are read at once.
    pub fn new(columns: AttributeColumns, most: u32) -> Result<Self> {
        let live = |expressions| Live {
            relation: columns.relation(),
            key: columns.key(),
            kind: columns.kind(),
            columns: columns.read_names(),
            expressions,
        };
        let key = columns.expressions().into_iter().take(1).collect();
        let beyond = LiveRows::beyond(&live(columns.expressions()), most)?;
        let one = LiveRows::new(&live(key), Some(1))?;
        Ok(Self { columns, beyond, one })
    }

    /// Whether the relation and its columns are unchanged.
    pub fn is_current(&self) -> bool {
        self.beyond.is_current()
    }

    /// The keys of the rows with a larger key, ascending, and these rows; `None` if the caller may not read them. There is
    /// no table if a row does not fit the others, such as a vector of other dimensions.
    pub fn beyond(&self, key: Id<'_>) -> Result<Option<(Ids, Option<Table>)>> {
        let (mut reading, mut keys, mut fits) = (self.columns.reading(), Ids::new(self.columns.kind()), true);
        let may = self.beyond.of_key(key, &mut |row| {
            with_id(row, 0, self.columns.kind(), |id| {
                // Rows come in the order of keys, which need not be unique; the table has the first of equal ones.
                if keys.len().checked_sub(1).is_none_or(|last| keys.get(last) != id) {
                    keys.push(id);
                }
            });
            match if fits { reading.push(row) } else { Ok(()) } {
                Err(SegrecError::Engine(EngineError::Column { .. })) => fits = false,
                pushed => pushed?,
            }
            Ok(())
        })?;
        if !may {
            return Ok(None);
        }
        let table = if fits { Some(reading.finish()?.table) } else { None };
        Ok(Some((keys, table)))
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
