//! The sample shop of the documentation, which `segrec_example` creates.

use super::statement::{define, query, run_script};
use crate::error::Result;
use pgrx::spi::quote_identifier;

/// The script that creates the shop's tables in the first schema of the search path, and fills them.
const SHOP: &str = include_str!("../../examples/shop.sql");

/// The tables that it creates, in the order in which they are reported.
const TABLES: [&str; 4] = ["customers", "products", "orders", "hidden_tastes"];

/// Creates a schema with the tables of the shop as the caller, and returns the qualified name of each with the number of
/// its rows.
pub fn create(schema: &str) -> Result<Vec<(String, i64)>> {
    let quoted = quote_identifier(schema);
    define(&format!("CREATE SCHEMA {quoted}"))?;
    run_script(SHOP, schema)?;
    let counted = |table: &str| {
        let name = format!("{quoted}.{table}");
        let rows: Vec<i64> = query(&format!("SELECT count(*) FROM {name}"), &[], |row| row.value(1))?;
        Ok((name, rows.into_iter().sum()))
    };
    TABLES.into_iter().map(counted).collect()
}
