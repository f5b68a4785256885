//! Running statements through SPI. Values are always bound parameters; a statement's text is fixed,
//! but for the names of a version's partitions and of the caller's relation and columns, which
//! PostgreSQL itself quotes.

use crate::error::{Result, SegrecError};
use crate::pg::owner::{ActingAs, table_and_owner};
use pgrx::datum::DatumWithOid;
use pgrx::spi::SpiHeapTupleData;
use pgrx::{FromDatum, IntoDatum, Spi, pg_sys};

/// One row of a result.
pub struct Row<'a>(SpiHeapTupleData<'a>);

impl Row<'_> {
    /// The value of a column, numbered from 1; `None` where null.
    pub fn get<T: IntoDatum + FromDatum>(&self, column: usize) -> Result<Option<T>> {
        Ok(self.0.get(column)?)
    }

    /// The value of a column that is never null.
    pub fn value<T: IntoDatum + FromDatum>(&self, column: usize) -> Result<T> {
        self.get(column)?
            .ok_or_else(|| SegrecError::Internal(format!("column {column} is unexpectedly null")))
    }
}

/// Runs a query and maps each row.
pub fn query<T>(
    sql: &str,
    arguments: &[DatumWithOid<'_>],
    mut each: impl FnMut(Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    Spi::connect(|client| {
        let table = client.select(sql, None, arguments)?;
        let mut rows = Vec::with_capacity(table.len());
        for row in table {
            rows.push(each(Row(row))?);
        }
        Ok(rows)
    })
}

/// Runs a statement that writes and maps the rows it returns.
pub fn write<T>(
    sql: &str,
    arguments: &[DatumWithOid<'_>],
    mut each: impl FnMut(Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    Spi::connect_mut(|client| {
        let table = client.update(sql, None, arguments)?;
        let mut rows = Vec::new();
        for row in table {
            rows.push(each(Row(row))?);
        }
        Ok(rows)
    })
}

/// Runs a statement that writes and returns nothing.
pub fn execute(sql: &str, arguments: &[DatumWithOid<'_>]) -> Result<()> {
    write(sql, arguments, |_| Ok(())).map(|_| ())
}

/// A query that is prepared once per session.
pub struct Prepared(pgrx::spi::OwnedPreparedStatement);

impl Prepared {
    /// Prepares a query with parameters of the given types.
    pub fn new(sql: &str, types: &[pg_sys::BuiltinOid]) -> Result<Self> {
        let types: Vec<pgrx::PgOid> = types.iter().map(|&oid| pgrx::PgOid::BuiltIn(oid)).collect();
        Spi::connect(|client| Ok(Self(client.prepare(sql, &types)?.keep())))
    }

    /// Runs it and maps each row.
    pub fn query<T>(
        &self,
        arguments: &[DatumWithOid<'_>],
        mut each: impl FnMut(Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        Spi::connect(|client| {
            let mut rows = Vec::new();
            for row in client.select(&self.0, None, arguments)? {
                rows.push(each(Row(row))?);
            }
            Ok(rows)
        })
    }
}

/// The table of models and its owner, who owns the catalog.
pub fn models_table() -> Result<(pg_sys::Oid, pg_sys::Oid)> {
    table_and_owner(c"segrec_catalog", c"models")
        .ok_or_else(|| SegrecError::Internal("segrec_catalog.models is missing".to_owned()))
}

/// Runs `act` as the owner of the catalog. The caller's rights must have been checked.
pub fn as_owner<T>(act: impl FnOnce() -> Result<T>) -> Result<T> {
    let (_, owner) = models_table()?;
    let _acting = ActingAs::new(owner);
    act()
}
