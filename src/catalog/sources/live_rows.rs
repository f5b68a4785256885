//! One user's rows of the caller's relation, as they are now: read as the caller, where the caller may read them.

use super::relations::{SourceColumn, query_of};
use crate::error::Result;
use crate::pg::datums::encoding::c_text;
use crate::pg::executor::query::Query;
use crate::pg::executor::relation::{Relation, Watched};
use crate::pg::executor::row::ResultRow;
use crate::pg::security::rights::{may_read, row_security_applies};
use pgrx::{Uuid, pg_sys, spi};
use segrec_engine::interactions::{Id, IdKind};
use std::cell::OnceCell;

/// A relation of the caller's, and the columns that are read of it.
pub struct Live<'a> {
    pub relation: &'a Relation,
    /// The column of the users' ids.
    pub user: &'a SourceColumn,
    /// The kind of these, which is that of the column.
    pub kind: IdKind,
    /// All columns, with that of the ids.
    pub columns: Vec<&'a str>,
    /// The expressions that read a row.
    pub expressions: Vec<String>,
}

/// Reads the rows of one user; prepared when first needed, by whoever may.
pub struct LiveRows {
    watched: Watched,
    /// The relation as it was when the query was written.
    relation: Relation,
    expressions: String,
    condition: String,
    parameter: pg_sys::Oid,
    query: OnceCell<Query>,
}

impl LiveRows {
    /// A query for the rows of one user, at most `limit` of them.
    pub fn new(live: &Live<'_>, limit: Option<u32>) -> Result<Self> {
        let (name, parameter) = match live.kind {
            IdKind::Bigint => ("int8", pg_sys::INT8OID),
            IdKind::Uuid => ("uuid", pg_sys::UUIDOID),
            IdKind::Text => ("text", pg_sys::TEXTOID),
        };
        let limit = limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"));
        let user = spi::quote_identifier(&live.user.name);
        let columns = live.columns.iter().map(|name| c_text(name)).collect::<Result<_>>()?;
        Ok(Self {
            watched: Watched::new(live.relation.oid, columns),
            relation: live.relation.clone(),
            expressions: live.expressions.join(", "),
            condition: format!("WHERE {user} OPERATOR(pg_catalog.=) $1::pg_catalog.{name}{limit}"),
            parameter,
            query: OnceCell::new(),
        })
    }

    /// Whether names, kind and columns of the relation are as they were; they stay so to the end of the transaction.
    pub fn is_current(&self) -> bool {
        self.watched.is_unchanged()
    }

    /// Passes the rows of a user to `each`; false where the caller may not read them, or sees none and row-level
    /// security may be why. The relation [is current](Self::is_current).
    pub fn of_user(&self, user: Id<'_>, each: &mut dyn FnMut(&ResultRow<'_>) -> Result<()>) -> Result<bool> {
        let oid = self.watched.oid();
        if !may_read(oid, self.watched.columns()) {
            return Ok(false);
        }
        let query = match self.query.get() {
            Some(query) => query,
            None => {
                let parameters = &[self.parameter];
                let query = query_of(&self.relation, &self.expressions, &self.condition, parameters)?;
                self.query.get_or_init(|| query)
            }
        };
        let argument = match user {
            Id::Bigint(id) => id.into(),
            Id::Uuid(id) => Uuid::from_bytes(id).into(),
            Id::Text(id) => id.into(),
        };
        let (mut rows, mut failed) = (0_usize, None);
        query.run(&[argument], &mut |row| {
            rows += 1;
            failed = each(&row).err();
            failed.is_none()
        })?;
        match failed {
            Some(error) => Err(error),
            None => Ok(rows > 0 || !row_security_applies(oid)),
        }
    }
}
