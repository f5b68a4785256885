//! Runs the catalog's own statements through SPI; nothing else does. Values are always bound parameters, and the text
//! is fixed except for names of the catalog's own tables. All names and operators are resolved in `pg_catalog`, where
//! only superusers can create objects. Relations of users are read by [`crate::pg::executor::query`] instead.

use crate::error::{Result, SegrecError};
use crate::pg::datums::encoding::c_text;
use crate::pg::datums::value::{Argument, Readable};
use crate::pg::executor::query::{self, Query};
use crate::pg::executor::row::ResultRow;
use crate::pg::executor::visibility::{sees, volatile};
use crate::pg::security::owner::{ActingAs, PinnedPath, table_and_owner};
use crate::pg::security::rights::is_restricted;
use pgrx::pg_sys;
use pgrx::spi::quote_identifier;
use std::ffi::CStr;

/// One row of a result.
pub struct CatalogRow<'a>(ResultRow<'a>);

impl CatalogRow<'_> {
    /// The value of a column, numbered from 1; `None` if it is null.
    pub fn get<T: Readable>(&self, column: usize) -> Result<Option<T>> {
        Ok(self.0.value(column - 1))
    }

    /// The value of a column that is never null.
    pub fn value<T: Readable>(&self, column: usize) -> Result<T> {
        self.get(column)?
            .ok_or_else(|| SegrecError::Internal(format!("column {column} is unexpectedly null")))
    }
}

/// Runs a query and maps each row.
pub fn query<T>(
    sql: &str,
    arguments: &[Argument<'_>],
    each: impl FnMut(CatalogRow<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let types: Vec<pg_sys::Oid> = arguments.iter().map(Argument::oid).collect();
    PreparedQuery::new(sql, &types)?.query(arguments, each)
}

/// Runs a statement that writes and maps the rows it returns.
pub fn write<T>(
    sql: &str,
    arguments: &[Argument<'_>],
    each: impl FnMut(CatalogRow<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    if is_restricted() {
        return Err(SegrecError::Restricted);
    }
    volatile();
    let _path = PinnedPath::new();
    let sql = c_text(sql)?;
    collected(each, |each| query::write(&sql, arguments, each))
}

/// Collects the result of `each` for every row that `run` passes.
fn collected<T>(
    mut each: impl FnMut(CatalogRow<'_>) -> Result<T>,
    run: impl FnOnce(&mut dyn FnMut(ResultRow<'_>) -> bool) -> Result<()>,
) -> Result<Vec<T>> {
    let (mut rows, mut failed) = (Vec::new(), None);
    run(&mut |row| {
        match each(CatalogRow(row)) {
            Ok(row) => rows.push(row),
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(rows), Err)
}

/// Runs a statement that writes and returns nothing.
pub fn execute(sql: &str, arguments: &[Argument<'_>]) -> Result<()> {
    write(sql, arguments, |_| Ok(())).map(|_| ())
}

/// Runs a DDL statement in a schema of the caller, with the caller's rights. Unlike other statements it contains quoted
/// names and literals.
pub fn define(sql: &str) -> Result<()> {
    execute(sql, &[])
}

/// Runs a script of fixed text with the caller's rights in a schema that the caller has just created, so that nobody
/// else can have put anything there: its names are resolved in `pg_catalog`, then in the schema.
pub fn run_script(script: &str, schema: &str) -> Result<()> {
    let path = c_text(&format!("{}, pg_temp", quote_identifier(schema)))?;
    let _path = PinnedPath::to(&path);
    query::write(&c_text(script)?, &[], &mut |_| true)
}

/// A query that is prepared once and kept.
pub struct PreparedQuery(Query);

impl PreparedQuery {
    /// Prepares a query with parameters of the given types.
    pub fn new(sql: &str, types: &[pg_sys::Oid]) -> Result<Self> {
        let _path = PinnedPath::new();
        let sql = c_text(sql)?;
        Ok(Self(Query::without_workers(&sql, types, None)?))
    }

    /// Runs the query and maps each row.
    pub fn query<T>(
        &self,
        arguments: &[Argument<'_>],
        each: impl FnMut(CatalogRow<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        // With the same search path as at planning; otherwise PostgreSQL would resolve all names again.
        let _path = PinnedPath::new();
        collected(each, |each| self.0.run_seeing(sees(), arguments, each))
    }
}

/// The row of a statement that always returns exactly one.
pub fn only<T>(rows: Vec<T>) -> Result<T> {
    rows.into_iter().next().ok_or_else(|| SegrecError::Internal("a statement returned no row".to_owned()))
}

/// The oid of a catalog table and its owner.
pub fn catalog_table(name: &CStr) -> Result<(pg_sys::Oid, pg_sys::Oid)> {
    let missing = || SegrecError::TableMissing { table: name.to_string_lossy().into_owned() };
    table_and_owner(c"segrec_catalog", name).ok_or_else(missing)
}

/// The oid of the table of models and its owner, who also owns the catalog.
pub fn models_table() -> Result<(pg_sys::Oid, pg_sys::Oid)> {
    catalog_table(c"models")
}

/// Runs `act` as the owner of the catalog. The caller's rights must have been checked.
pub fn as_owner<T>(act: impl FnOnce() -> Result<T>) -> Result<T> {
    let (_, owner) = models_table()?;
    let _acting = ActingAs::new(owner);
    act()
}
