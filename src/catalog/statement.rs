//! Running the catalog's own statements through SPI: this is the only way. Values are always bound parameters; a
//! statement's text is fixed, but for the names of a version's partitions. Whoever runs it, every name and operator in it
//! is resolved in `pg_catalog`, where only superusers can put one. Relations of users are read by [`crate::pg::query`].

use crate::error::{Result, SegrecError};
use crate::pg::owner::{ActingAs, PinnedPath, table_and_owner};
use crate::pg::rights::is_restricted;
use crate::pg::value::{Argument, Readable};
use pgrx::spi::SpiHeapTupleData;
use pgrx::{Spi, pg_sys};

/// One row of a result.
pub struct Row<'a>(SpiHeapTupleData<'a>);

impl Row<'_> {
    /// The value of a column, numbered from 1; `None` where null.
    pub fn get<T: Readable>(&self, column: usize) -> Result<Option<T>> {
        Ok(self.0.get::<T::Stored>(column)?.map(T::from_stored))
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
    mut each: impl FnMut(Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let _path = PinnedPath::new();
    Spi::connect(|client| {
        let table = client.select(sql, None, Argument::all(arguments))?;
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
    arguments: &[Argument<'_>],
    mut each: impl FnMut(Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    if is_restricted() {
        return Err(SegrecError::Restricted);
    }
    let _path = PinnedPath::new();
    Spi::connect_mut(|client| {
        let table = client.update(sql, None, Argument::all(arguments))?;
        let mut rows = Vec::new();
        for row in table {
            rows.push(each(Row(row))?);
        }
        Ok(rows)
    })
}

/// Runs a statement that writes and returns nothing.
pub fn execute(sql: &str, arguments: &[Argument<'_>]) -> Result<()> {
    write(sql, arguments, |_| Ok(())).map(|_| ())
}

/// A query that is prepared once per session.
pub struct Prepared {
    statement: pgrx::spi::OwnedPreparedStatement,
    types: Vec<pg_sys::Oid>,
}

impl Prepared {
    /// Prepares a query with parameters of the given types.
    pub fn new(sql: &str, types: &[pg_sys::BuiltinOid]) -> Result<Self> {
        let _path = PinnedPath::new();
        let oids: Vec<pgrx::PgOid> = types.iter().map(|&oid| pgrx::PgOid::BuiltIn(oid)).collect();
        let types = types.iter().map(|&oid| oid.into()).collect();
        Spi::connect(|client| Ok(Self { statement: client.prepare(sql, &oids)?.keep(), types }))
    }

    /// Runs it and maps each row.
    pub fn query<T>(
        &self,
        arguments: &[Argument<'_>],
        mut each: impl FnMut(Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        if !arguments.iter().map(Argument::oid).eq(self.types.iter().copied()) {
            return Err(SegrecError::Internal("a statement was given values of other types".to_owned()));
        }
        // Where the path is another than when it was planned, PostgreSQL would resolve every name again.
        let _path = PinnedPath::new();
        Spi::connect(|client| {
            let mut rows = Vec::new();
            for row in client.select(&self.statement, None, Argument::all(arguments))? {
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
