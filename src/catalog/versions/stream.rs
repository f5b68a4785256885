//! Rows of the catalog that pass one by one: nothing is collected.

use crate::catalog::statement::as_owner;
use crate::error::Result;
use crate::pg::datums::encoding::c_text;
use crate::pg::executor::query::stream;
use crate::pg::executor::row::ResultRow;

/// Passes each row of a query, which runs as the owner of the catalog, to `each` until that fails.
pub fn streamed(sql: &str, each: &mut dyn FnMut(&ResultRow<'_>) -> Result<()>) -> Result<()> {
    let sql = c_text(sql)?;
    let mut failed = None;
    as_owner(|| {
        stream(&sql, &mut |row| {
            failed = each(&row).err();
            failed.is_none()
        })
    })?;
    failed.map_or(Ok(()), Err)
}
