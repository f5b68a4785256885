//! `segrec_example`: creates the sample shop of the documentation.

use crate::catalog::example;
use crate::commands::access::privileges::refuse_here;
use crate::error::{Result, SegrecError};

/// Creates a schema with the sample shop, and returns the qualified name of each table with the number of its rows.
pub fn create_example(schema: Option<&str>) -> Result<Vec<(String, i64)>> {
    refuse_here()?;
    example::create(schema.ok_or(SegrecError::NullArgument { argument: "schema" })?)
}
