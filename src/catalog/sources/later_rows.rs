//! The keys of the rows of the relation of items that were inserted last, read with the caller's rights.

use super::access::{Access, Verdict};
use super::events::{is_too_long, with_id};
use super::filtered::Filtered;
use super::growing_column::GrowingColumn;
use super::live_rows::{Live, LiveRows};
use super::relations::{ColumnRole, SourceColumn};
use crate::error::Result;
use segrec_engine::interactions::{Id, IdKind, Ids};

/// Reads keys in the order in which rows were inserted, as long as the relation stays as it is.
pub struct LaterRows {
    kind: IdKind,
    grows: GrowingColumn,
    /// The rows beyond a value.
    beyond: LiveRows,
    /// The rows with the largest values.
    latest: LiveRows,
    /// The row with a key.
    one: LiveRows,
}

/// Rows that were inserted after others.
pub struct Later {
    /// The largest value of the growing column.
    pub newest: i64,
    /// The keys that are not known.
    pub keys: Ids,
}

impl LaterRows {
    /// Prepares the queries; at most `most` rows are read at once.
    pub fn new(
        relation: &Filtered,
        key: &SourceColumn,
        kind: IdKind,
        (grows, access): (GrowingColumn, Access),
        most: u32,
    ) -> Result<Self> {
        let live = |expressions: Vec<String>| Live {
            relation,
            key,
            kind,
            columns: vec![key.name.as_str(), grows.name()],
            expressions,
        };
        let key_expression = || key.expression(ColumnRole::Id);
        let both = live(vec![key_expression(), grows.expression()]);
        let beyond = LiveRows::beyond(&both, access, &grows, most)?;
        let latest = LiveRows::latest(&both, access, &grows, most)?;
        let one = LiveRows::new(&live(vec![key_expression()]), access, Some(1))?;
        Ok(Self { kind, grows, beyond, latest, one })
    }

    /// Whether which rows the caller sees may depend on more than the role and what is stored, so that they are not kept.
    pub fn depends_on_session(&self) -> Result<bool> {
        self.beyond.depends_on_session()
    }

    /// Whether the relation and its columns are unchanged.
    pub fn is_current(&self) -> bool {
        self.beyond.is_current()
    }

    /// What is judged of the plan that reads the rows that were inserted last, if no index leads to them.
    pub fn verdict(&self) -> Result<Option<Verdict>> {
        self.beyond.verdict()
    }

    /// The rows whose value is larger than `newest` or, without it, those with the largest values; `None` if there are
    /// none, or the caller may not read them.
    pub fn after(&self, newest: Option<i64>, is_known: &dyn Fn(Id<'_>) -> bool) -> Result<Option<Later>> {
        let (rows, arguments) = match newest.map(|newest| self.grows.argument(newest)) {
            Some(Some(argument)) => (&self.beyond, vec![argument]),
            Some(None) => return Ok(None),
            None => (&self.latest, Vec::new()),
        };
        let (mut largest, mut keys) = (newest, Ids::new(self.kind));
        rows.rows(&arguments, &mut |row| {
            let Some(value) = row.integer(1).filter(|value| self.grows.is_finite(*value)) else {
                return Ok(());
            };
            largest = largest.max(Some(value));
            with_id(row, 0, self.kind, |id| {
                if !is_too_long(id) && !is_known(id) {
                    keys.push(id);
                }
            });
            Ok(())
        })?;
        Ok(largest.filter(|_| largest != newest).map(|newest| Later { newest, keys }))
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
