//! Filters of the rows that a model reads: columns and the values that they must have.

use super::parse::describe;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The most columns that a filter compares.
pub const MOST_CONDITIONS: usize = 32;

/// The columns that rows must have values in, with the value of each: a string, a number or a boolean, or null for none. No
/// columns let all rows pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowFilter(pub BTreeMap<String, Value>);

impl RowFilter {
    /// The filter of `events`, `users` or `items` in the options of a model.
    ///
    /// # Errors
    /// If the option is something else.
    pub fn of(options: &Value, relation: &str) -> serde_json::Result<Self> {
        match options.pointer(&format!("/{relation}/filter")) {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(filter) => Self::deserialize(filter),
        }
    }

    /// Whether all rows pass.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a value is that of an option that filters rows.
pub(super) fn is_filter(value: &Value) -> bool {
    let few = value.as_object().filter(|columns| columns.len() <= MOST_CONDITIONS);
    few.is_some_and(|columns| columns.values().all(is_comparable))
}

fn is_comparable(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// Why a filter is refused, if it is for the value of a column.
pub(super) fn refused_column(name: &str, value: &Value) -> Option<String> {
    let (column, wrong) = value.as_object()?.iter().find(|(_, value)| !is_comparable(value))?;
    Some(format!("option \"{name}\" compares \"{column}\" with {}", describe(wrong)))
}
