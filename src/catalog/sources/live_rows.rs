//! The current rows of one user or item in a relation, or of those beyond an id, read with the caller's rights.

use super::access::{Access, CostOf, Verdict};
use super::filtered::Filtered;
use super::growing_column::GrowingColumn;
use super::queries::{Clauses, Prepare, query_prepared};
use super::relations::SourceColumn;
use crate::error::Result;
use crate::pg::datums::encoding::c_text;
use crate::pg::datums::value::Argument;
use crate::pg::executor::generic_plan::GenericPlan;
use crate::pg::executor::query::Query;
use crate::pg::executor::relation::Watched;
use crate::pg::executor::row::ResultRow;
use crate::pg::security::rights::{may_read, row_security_applies};
use pgrx::{Uuid, pg_sys, spi};
use segrec_engine::interactions::{Id, IdKind};
use std::cell::{OnceCell, RefCell};

/// A relation, and the columns to read from it.
pub struct Live<'a> {
    pub relation: &'a Filtered,
    /// The column of ids.
    pub key: &'a SourceColumn,
    /// The type of ids, which matches that column.
    pub kind: IdKind,
    /// The names of all columns that are read, including the id.
    pub columns: Vec<&'a str>,
    /// The select list.
    pub expressions: Vec<String>,
}

/// A plan that was judged.
struct JudgedPlan {
    /// The number of the plan.
    generation: i32,
    verdict: Verdict,
    /// Whether which rows there are may depend on more than the role and what is stored.
    depends_on_session: bool,
}

/// Reads the rows with an id; the query is prepared at first use.
pub struct LiveRows {
    watched: Watched,
    /// The relation as it was when the query was built.
    relation: Filtered,
    expressions: String,
    condition: String,
    /// What comes after the condition.
    rest: String,
    parameters: Vec<pg_sys::Oid>,
    prepare: Prepare,
    query: OnceCell<Query>,
    /// What is judged of the plan, if rows are read only if it is cheap, and what came of it for a plan of a generation.
    judged: Option<(CostOf, RefCell<Option<JudgedPlan>>)>,
}

impl LiveRows {
    /// Builds a query for the rows with an id, at most `limit` of them.
    pub fn new(live: &Live<'_>, access: Access, limit: Option<u32>) -> Result<Self> {
        let limit = limit.map_or_else(String::new, |limit| format!("LIMIT {limit}"));
        let (name, parameter) = match live.kind {
            IdKind::Bigint => ("int8", pg_sys::INT8OID),
            IdKind::Uuid => ("uuid", pg_sys::UUIDOID),
            IdKind::Text => ("text", pg_sys::TEXTOID),
        };
        let key = spi::quote_identifier(&live.key.name);
        let condition = format!("{key} OPERATOR(pg_catalog.=) $1::pg_catalog.{name}");
        Ok(Self::of(live, (condition, limit), vec![parameter], Query::without_workers)?
            .found_by(access, CostOf::AllRows))
    }

    /// Builds a query for the rows with any of several ids.
    pub fn among(live: &Live<'_>) -> Result<Self> {
        let (name, parameter) = match live.kind {
            IdKind::Bigint => ("int8", pg_sys::INT8ARRAYOID),
            IdKind::Uuid => ("uuid", pg_sys::UUIDARRAYOID),
            IdKind::Text => ("text", pg_sys::TEXTARRAYOID),
        };
        let key = spi::quote_identifier(&live.key.name);
        let condition = format!("{key} OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.{name}[])");
        Self::of(live, (condition, String::new()), vec![parameter], Query::planned_once)
    }

    /// Builds a query for the rows whose value in a column is larger than one, see [`GrowingColumn::beyond`].
    pub fn beyond(live: &Live<'_>, access: Access, column: &GrowingColumn, most: u32) -> Result<Self> {
        let rows = Self::of(live, column.beyond(most), vec![column.parameter()], Query::planned_once)?;
        Ok(rows.found_by(access, CostOf::FirstRows))
    }

    /// Builds a query for the rows with the largest values in a column, see [`GrowingColumn::latest`].
    pub fn latest(live: &Live<'_>, access: Access, column: &GrowingColumn, most: u32) -> Result<Self> {
        let rows = Self::of(live, column.latest(most), Vec::new(), Query::without_workers)?;
        Ok(rows.found_by(access, CostOf::FirstRows))
    }

    /// The same, but read only if the plan is cheap, where no index of the relation itself leads to the rows.
    fn found_by(self, access: Access, judged: CostOf) -> Self {
        match access {
            Access::Index => self,
            Access::Plan => {
                Self { prepare: Query::planned_once, judged: Some((judged, RefCell::default())), ..self }
            }
        }
    }

    /// Builds a query for the rows whose value in a column is larger than one, or for all rows.
    pub fn since(live: &Live<'_>, column: Option<&GrowingColumn>) -> Result<Self> {
        let condition = column.map_or_else(String::new, GrowingColumn::larger);
        let parameters = column.map(GrowingColumn::parameter).into_iter().collect();
        Self::of(live, (condition, String::new()), parameters, Query::without_workers)
    }

    fn of(
        live: &Live<'_>,
        (condition, rest): (String, String),
        parameters: Vec<pg_sys::Oid>,
        prepare: Prepare,
    ) -> Result<Self> {
        let columns = live.columns.iter().copied().chain(live.relation.filter_columns());
        let columns = columns.map(c_text).collect::<Result<_>>()?;
        Ok(Self {
            watched: Watched::new(live.relation.oid, columns),
            relation: live.relation.clone(),
            expressions: live.expressions.join(", "),
            condition,
            rest,
            parameters,
            prepare,
            query: OnceCell::new(),
            judged: None,
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

    /// Passes the rows of the query with these arguments to `each`. Returns false if the caller may not read them, if that
    /// would cost too much, or if the caller sees none and that may depend on the session. [`Self::is_current`] must hold.
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
        if !may_read(oid, self.watched.columns()) || !self.may_plan()? {
            return Ok(false);
        }
        Ok(self.required_rows(arguments, each)? > 0 || !self.depends_on_session()?)
    }

    /// As [`Self::rows_while`], and returns the number of rows. Raises PostgreSQL's own error if the caller may not read
    /// them.
    pub fn required_rows(
        &self,
        arguments: &[Argument<'_>],
        each: &mut dyn FnMut(&ResultRow<'_>) -> Result<bool>,
    ) -> Result<usize> {
        let query = self.query()?;
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

    /// What is judged of the plan; `None` if an index leads to the rows. The caller must be able to read
    /// them.
    pub fn verdict(&self) -> Result<Option<Verdict>> {
        self.may_plan()?;
        let judged = self.judged.as_ref();
        Ok(judged.and_then(|(_, then)| then.borrow().as_ref().map(|plan| plan.verdict.clone())))
    }

    /// Whether the plan is cheap, and reads nothing that the caller may not read; true if it does not matter.
    fn may_plan(&self) -> Result<bool> {
        let Some((judged, then)) = &self.judged else { return Ok(true) };
        let known = then.borrow().as_ref().map(|plan| plan.generation);
        let GenericPlan { generation, is_permitted, facts } = self.query()?.generic_plan(known)?;
        if let Some(facts) = &facts {
            let verdict = Verdict::of(facts, *judged, || self.cost_of_everything())?;
            let depends_on_session = facts.depends_on_session;
            then.replace(Some(JudgedPlan { generation, verdict, depends_on_session }));
        }
        Ok(is_permitted && then.borrow().as_ref().is_some_and(|plan| plan.verdict.is_cheap()))
    }

    /// Whether which rows the caller sees may depend on more than the role and what is stored, as by row-level security.
    pub fn depends_on_session(&self) -> Result<bool> {
        let oid = self.watched.oid();
        let Some((_, then)) = &self.judged else { return Ok(row_security_applies(oid)) };
        if !may_read(oid, self.watched.columns()) {
            return Ok(true);
        }
        self.may_plan()?;
        Ok(then.borrow().as_ref().is_none_or(|plan| plan.depends_on_session))
    }

    /// What the planner says that it costs to read all rows of the relation.
    fn cost_of_everything(&self) -> Result<f64> {
        let all =
            query_prepared(&self.relation, &self.expressions, Clauses::default(), &[], Query::planned_once)?;
        Ok(all.generic_plan(None)?.facts.map_or(0.0, |facts| facts.total_cost))
    }

    fn query(&self) -> Result<&Query> {
        if let Some(query) = self.query.get() {
            return Ok(query);
        }
        let clauses = Clauses { condition: &self.condition, rest: &self.rest };
        let query =
            query_prepared(&self.relation, &self.expressions, clauses, &self.parameters, self.prepare)?;
        Ok(self.query.get_or_init(|| query))
    }
}
