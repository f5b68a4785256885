//! The current rows of one user or item in a relation, or of those beyond an id, read with the caller's rights.

use super::growing_column::GrowingColumn;
use super::relations::{Prepare, SourceColumn, query_prepared};
use crate::error::Result;
use crate::pg::datums::encoding::c_text;
use crate::pg::datums::value::Argument;
use crate::pg::executor::query::Query;
use crate::pg::executor::relation::{Relation, Watched};
use crate::pg::executor::row::ResultRow;
use crate::pg::security::rights::{may_read, row_security_applies};
use pgrx::{Uuid, pg_sys, spi};
use segrec_engine::interactions::{Id, IdKind};
use std::cell::OnceCell;

/// A relation, and the columns to read from it.
pub struct Live<'a> {
    pub relation: &'a Relation,
    /// The column of ids.
    pub key: &'a SourceColumn,
    /// The type of ids, which matches that column.
    pub kind: IdKind,
    /// The names of all columns that are read, including the id.
    pub columns: Vec<&'a str>,
    /// The select list.
    pub expressions: Vec<String>,
}

/// Reads the rows with an id; the query is prepared at first use.
pub struct LiveRows {
    watched: Watched,
    /// The relation as it was when the query was built.
    relation: Relation,
    expressions: String,
    condition: String,
    parameters: Vec<pg_sys::Oid>,
    prepare: Prepare,
    query: OnceCell<Query>,
}

impl LiveRows {
    /// Builds a query for the rows with an id, at most `limit` of them.
    pub fn new(live: &Live<'_>, limit: Option<u32>) -> Result<Self> {
        let limit = limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"));
        let (name, parameter) = match live.kind {
            IdKind::Bigint => ("int8", pg_sys::INT8OID),
            IdKind::Uuid => ("uuid", pg_sys::UUIDOID),
            IdKind::Text => ("text", pg_sys::TEXTOID),
        };
        let key = spi::quote_identifier(&live.key.name);
        let condition = format!("WHERE {key} OPERATOR(pg_catalog.=) $1::pg_catalog.{name}{limit}");
        Self::of(live, condition, vec![parameter], Query::without_workers)
    }

    /// Builds a query for the rows with any of several ids.
    pub fn among(live: &Live<'_>) -> Result<Self> {
        let (name, parameter) = match live.kind {
            IdKind::Bigint => ("int8", pg_sys::INT8ARRAYOID),
            IdKind::Uuid => ("uuid", pg_sys::UUIDARRAYOID),
            IdKind::Text => ("text", pg_sys::TEXTARRAYOID),
        };
        let key = spi::quote_identifier(&live.key.name);
        let condition = format!("WHERE {key} OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.{name}[])");
        Self::of(live, condition, vec![parameter], Query::planned_once)
    }

    /// Builds a query for the rows whose value in a column is larger than one, see [`GrowingColumn::beyond`].
    pub fn beyond(live: &Live<'_>, column: &GrowingColumn, most: u32) -> Result<Self> {
        Self::of(live, column.beyond(most), vec![column.parameter()], Query::planned_once)
    }

    /// Builds a query for the rows with the largest values in a column, see [`GrowingColumn::latest`].
    pub fn latest(live: &Live<'_>, column: &GrowingColumn, most: u32) -> Result<Self> {
        Self::of(live, column.latest(most), Vec::new(), Query::without_workers)
    }

    /// Builds a query for the rows whose value in a column is larger than one, or for all rows.
    pub fn since(live: &Live<'_>, column: Option<&GrowingColumn>) -> Result<Self> {
        let condition = column.map_or_else(String::new, GrowingColumn::larger);
        let parameters = column.map(GrowingColumn::parameter).into_iter().collect();
        Self::of(live, condition, parameters, Query::without_workers)
    }

    fn of(
        live: &Live<'_>,
        condition: String,
        parameters: Vec<pg_sys::Oid>,
        prepare: Prepare,
    ) -> Result<Self> {
        let columns = live.columns.iter().map(|name| c_text(name)).collect::<Result<_>>()?;
        Ok(Self {
            watched: Watched::new(live.relation.oid, columns),
            relation: live.relation.clone(),
            expressions: live.expressions.join(", "),
            condition,
            parameters,
            prepare,
            query: OnceCell::new(),
        })
    }

    /// Whether the names, kinds and columns are unchanged; if so, they stay locked until the end of the transaction.
    pub fn is_current(&self) -> bool {
        self.watched.is_unchanged()
    }

    /// Passes the rows with an id to `each`, see [`Self::rows`].
    pub fn of_key(&self, key: Id<'_>, each: &mut dyn FnMut(&ResultRow<'_>) -> Result<()>) -> Result<bool> {
        let argument = match key {
            Id::Bigint(id) => id.into(),
            Id::Uuid(id) => Uuid::from_bytes(id).into(),
            Id::Text(id) => id.into(),
        };
        self.rows(&[argument], each)
    }

    /// Passes the rows of the query with these arguments to `each`. Returns false if the caller may not read them, or sees
    /// none while row-level security applies. [`Self::is_current`] must hold.
    pub fn rows(
        &self,
        arguments: &[Argument<'_>],
        each: &mut dyn FnMut(&ResultRow<'_>) -> Result<()>,
    ) -> Result<bool> {
        self.rows_while(arguments, &mut |row| each(row).map(|()| true))
    }

    /// As [`Self::rows`], until `each` returns false.
    pub fn rows_while(
        &self,
        arguments: &[Argument<'_>],
        each: &mut dyn FnMut(&ResultRow<'_>) -> Result<bool>,
    ) -> Result<bool> {
        let oid = self.watched.oid();
        if !may_read(oid, self.watched.columns()) {
            return Ok(false);
        }
        let rows = self.required_rows(arguments, each)?;
        Ok(rows > 0 || !row_security_applies(oid))
    }

    /// As [`Self::rows_while`], and returns the number of rows. Raises PostgreSQL's own error if the caller may not read
    /// them.
    pub fn required_rows(
        &self,
        arguments: &[Argument<'_>],
        each: &mut dyn FnMut(&ResultRow<'_>) -> Result<bool>,
    ) -> Result<usize> {
        let query = match self.query.get() {
            Some(query) => query,
            None => {
                let (expressions, condition) = (&self.expressions, &self.condition);
                let query =
                    query_prepared(&self.relation, expressions, condition, &self.parameters, self.prepare)?;
                self.query.get_or_init(|| query)
            }
        };
        let (mut rows, mut failed) = (0_usize, None);
        query.run(arguments, &mut |row| {
            rows += 1;
            match each(&row) {
                Ok(goes_on) => goes_on,
                Err(error) => {
                    failed = Some(error);
                    false
                }
            }
        })?;
        failed.map_or(Ok(rows), Err)
    }
}
