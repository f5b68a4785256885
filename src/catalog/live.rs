//! One user's rows of the caller's relation, as they are now: read as the caller, where the caller may read them.

use super::relations::Column;
use super::statement::{Prepared, Row};
use crate::error::{Result, SegrecError};
use crate::pg::named::Named;
use crate::pg::rights::{may_read, row_security_applies};
use pgrx::{Uuid, pg_sys, spi};
use segrec_engine::interactions::{Id, IdKind};
use std::cell::OnceCell;
use std::ffi::CString;

/// A relation of the caller's, and the columns that are read of it.
pub struct Live<'a> {
    /// The relation.
    pub oid: pg_sys::Oid,
    /// Quoted and with its schema.
    pub relation: &'a str,
    /// The column of the users' ids.
    pub user: &'a Column,
    /// The kind of these.
    pub kind: IdKind,
    /// All columns, with that of the ids.
    pub columns: Vec<&'a str>,
    /// The expressions that read a row.
    pub expressions: Vec<String>,
}

/// Reads the rows of one user; prepared when first needed, by whoever may.
pub struct LiveRows {
    named: Named,
    sql: String,
    parameter: pg_sys::BuiltinOid,
    statement: OnceCell<Prepared>,
}

impl LiveRows {
    /// A query for the rows of one user, at most `limit` of them.
    pub fn new(live: &Live<'_>, limit: Option<u32>) -> Result<Self> {
        let (parameter, oid) = match live.kind {
            IdKind::Bigint => ("int8", pg_sys::BuiltinOid::INT8OID),
            IdKind::Uuid => ("uuid", pg_sys::BuiltinOid::UUIDOID),
            IdKind::Text => ("text", pg_sys::BuiltinOid::TEXTOID),
        };
        let limit = limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"));
        let sql = format!(
            "SELECT {} FROM {} WHERE {} OPERATOR(pg_catalog.=) $1::pg_catalog.{parameter}{limit}",
            live.expressions.join(", "),
            live.relation,
            spi::quote_identifier(&live.user.name),
        );
        let columns = live.columns.iter().map(|name| CString::new(*name)).collect::<Result<_, _>>();
        let columns = columns.map_err(|_| SegrecError::Internal("a name holds a zero byte".to_owned()))?;
        Ok(Self { named: Named::new(live.oid, columns), sql, parameter: oid, statement: OnceCell::new() })
    }

    /// The rows of a user; `None` where the caller may not read them, where the relation is not any more what it was
    /// when the session looked at it, or where the caller sees none and row-level security may be why.
    pub fn of_user<T>(&self, user: Id<'_>, each: impl FnMut(Row<'_>) -> Result<T>) -> Result<Option<Vec<T>>> {
        if !may_read(self.named.relation(), self.named.columns()) || !self.named.holds() {
            return Ok(None);
        }
        let statement = match self.statement.get() {
            Some(statement) => statement,
            None => {
                let prepared = Prepared::new(&self.sql, &[self.parameter])?;
                self.statement.get_or_init(|| prepared)
            }
        };
        let argument = match user {
            Id::Bigint(id) => id.into(),
            Id::Uuid(id) => Uuid::from_bytes(id).into(),
            Id::Text(id) => id.into(),
        };
        let rows = statement.query(&[argument], each)?;
        Ok(if rows.is_empty() && row_security_applies(self.named.relation()) { None } else { Some(rows) })
    }
}
