//! Filters of the rows that a model reads: columns and the values that they must have.

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

/// The first column of a filter that is compared with what no column is compared with, and with what.
pub(super) fn wrong_column(value: &Value) -> Option<(&String, &Value)> {
    value.as_object()?.iter().find(|(_, value)| !is_comparable(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_filter_compares_columns_with_single_values() {
        for filter in [json!({}), json!({"shop_id": 7, "deleted": false, "left_at": null, "kind": "a"})] {
            assert!(is_filter(&filter), "{filter}");
            let options = json!({"events": {"filter": filter}});
            let read = RowFilter::of(&options, "events").unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), filter);
            assert!(RowFilter::of(&options, "users").unwrap().is_empty());
        }
        let many: serde_json::Map<String, Value> =
            (0..=MOST_CONDITIONS).map(|column| (column.to_string(), json!(1))).collect();
        for wrong in [json!(7), json!(null), json!([]), json!({"a": []}), json!({"a": {}}), json!(many)] {
            assert!(!is_filter(&wrong), "{wrong}");
        }
        // What is damaged must not let all rows pass.
        assert!(RowFilter::of(&json!({"events": {"filter": 7}}), "events").is_err());
    }
}
