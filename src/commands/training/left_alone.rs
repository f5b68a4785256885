//! Tells of columns that are no features because of their names.

use crate::catalog::sources::attributes::AttributeColumns;
use crate::error::notice;

/// The largest number of columns that a hint lists.
const LISTED: usize = 20;

/// Tells which columns were left alone, and how to use them nevertheless.
pub fn tell_of_left_alone(columns: &AttributeColumns) {
    let left = &columns.left_alone;
    if left.is_empty() {
        return;
    }
    let option = columns.option;
    let quoted = |name: &str| format!("\"{name}\"");
    let names: Vec<String> = left.iter().map(|name| quoted(name)).collect();
    let all: Vec<String> = columns.features().map(quoted).chain(names.iter().cloned()).collect();
    let hint = match option.split_once('.') {
        Some((group, list)) if all.len() <= LISTED => format!(
            "To use them, list them with the others, as in {{\"{group}\": {{\"{list}\": [{}]}}}}.",
            all.join(", ")
        ),
        _ => format!("To use them, list all columns to use in {option}."),
    };
    notice(
        format!("left alone columns of \"{}\": {}", columns.name, names.join(", ")),
        Some("By their names they say when or by whom a row was written, which is no feature.".to_owned()),
        Some(hint),
    );
}
