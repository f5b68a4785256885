//! The columns that describe the items of a version: how much each counts, or why it does not.

use crate::catalog::statement::{as_owner, execute};
use crate::error::Result;
use segrec_engine::features::ColumnWeight;

/// Stores the columns, in their order.
pub fn insert_item_features(version_id: i64, columns: &[ColumnWeight]) -> Result<()> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let kinds: Vec<&str> = columns.iter().map(|column| column.kind.name()).collect();
    let weights: Vec<f64> = columns.iter().map(|column| column.weight).collect();
    let reasons: Vec<Option<&str>> = columns.iter().map(|column| column.reason.as_deref()).collect();
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.item_features (version_id, column_name, kind, weight, reason, place) \
             SELECT $1, * FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[]), \
                                          pg_catalog.unnest($4::pg_catalog.float8[]), pg_catalog.unnest($5::pg_catalog.text[])) \
                           WITH ORDINALITY",
            &[version_id.into(), names.into(), kinds.into(), weights.into(), reasons.into()],
        )
    })
}
