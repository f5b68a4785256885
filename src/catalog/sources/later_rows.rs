//! Rows of the relation of items beyond a key, read with the caller's rights: what was inserted last, where keys grow.

use super::attributes::{AttributeColumns, AttributeRows};
use super::live_rows::{Live, LiveRows};
use crate::error::Result;
use segrec_engine::interactions::Id;

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

    /// The rows with a larger key, in the order of keys; `None` if the caller may not read them.
    pub fn beyond(&self, key: Id<'_>) -> Result<Option<AttributeRows>> {
        let mut reading = self.columns.reading();
        let may = self.beyond.of_key(key, &mut |row| reading.push(row))?;
        Ok(if may { Some(reading.finish()?) } else { None })
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
