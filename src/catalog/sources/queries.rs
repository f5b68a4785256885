//! Queries of the caller's relations, with the caller's rights. All names and operators in them are qualified with their
//! schemas, and they are written for [`Filtered`] relations only.

use super::filtered::Filtered;
use crate::error::Result;
use crate::pg::datums::constant::Constant;
use crate::pg::datums::encoding::c_text;
use crate::pg::executor::query::{ExpectedRelation, Query};
use pgrx::pg_sys;
use std::ffi::CStr;

/// What a query has besides its select list and its relation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clauses<'a> {
    /// The condition on rows, in addition to the filter; all rows if it is empty.
    pub condition: &'a str,
    /// What comes after it, such as an order.
    pub rest: &'a str,
}

/// A query of a relation; `what` is the select list.
pub fn query_of(
    rows: &Filtered,
    what: &str,
    clauses: Clauses<'_>,
    parameters: &[pg_sys::Oid],
) -> Result<Query> {
    query_prepared(rows, what, clauses, parameters, Query::new)
}

/// How a query is prepared: [`Query::new`], or another way.
pub type Prepare = fn(&CStr, &[pg_sys::Oid], Option<ExpectedRelation>) -> Result<Query>;

/// Like [`query_of`], but prepared in another way.
pub fn query_prepared(
    rows: &Filtered,
    what: &str,
    Clauses { condition, rest }: Clauses<'_>,
    parameters: &[pg_sys::Oid],
    prepare: Prepare,
) -> Result<Query> {
    let given = Some(condition).filter(|condition| !condition.is_empty()).map(str::to_owned);
    let conditions: Vec<String> = given.into_iter().chain(rows.sql(parameters.len() + 1)).collect();
    let condition = match conditions.as_slice() {
        [] => String::new(),
        conditions => format!("WHERE {}", conditions.join(" AND ")),
    };
    let constants = rows.constants();
    let parameters: Vec<pg_sys::Oid> =
        parameters.iter().copied().chain(constants.iter().map(Constant::oid)).collect();
    let sql = c_text(&format!("SELECT {what} FROM {} {condition} {rest}", rows.quoted))?;
    let reads = ExpectedRelation { relation: rows.oid, name: c_text(&rows.quoted)? };
    Ok(prepare(&sql, &parameters, Some(reads))?.with_constants(constants))
}

/// Raises PostgreSQL's own error if the caller may not read the columns of the relation, by planning the query that a
/// training runs.
pub fn probe(rows: &Filtered, expressions: &[String]) -> Result<()> {
    query_of(rows, &expressions.join(", "), Clauses { condition: "", rest: "LIMIT 0" }, &[])?.plan()
}
