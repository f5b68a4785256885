//! Streams rows of the catalog without collecting them.

use crate::catalog::statement::as_owner;
use crate::error::Result;
use crate::pg::datums::encoding::c_text;
use crate::pg::executor::query::stream;
use crate::pg::executor::row::ResultRow;

/// Runs a query as the owner of the catalog, and passes each row to `each` until that fails.
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
