//! Streams the rows of a query through a custom DestReceiver at the end of the executor. Nothing is collected; a row
//! costs the deforming of its slot. A query of a user's relation is verified to read that relation after it was
//! planned, and values are converted to Rust only by the types in the plan.

use super::error_context::reading;
use super::row::{Mismatch, ResultRow, check_types};
use super::visibility::Sees;
use crate::error::{Result, SegrecError};
use crate::pg::datums::constant::Constant;
use crate::pg::datums::value::Argument;
use pgrx::prelude::*;
use pgrx::{Spi, pg_sys};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_long};

/// The receiver; PostgreSQL only knows its first field.
#[repr(C)]
struct Receiver<'a> {
    base: pg_sys::DestReceiver,
    types: Vec<pg_sys::Oid>,
    mismatch: Cell<Option<Mismatch>>,
    each: &'a mut dyn FnMut(ResultRow<'_>) -> bool,
}

#[pg_guard]
unsafe extern "C-unwind" fn receive(
    slot: *mut pg_sys::TupleTableSlot,
    this: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: PostgreSQL passes back the receiver it was given, which is a `Receiver`; a slot has as many values as its
    // descriptor has attributes once they are fetched, and as many as the plan's result, whose types `start` took.
    unsafe {
        let receiver = &mut *this.cast::<Receiver<'_>>();
        let columns = receiver.types.len();
        if ((*slot).tts_nvalid as usize) < columns {
            pg_sys::slot_getsomeattrs_int(slot, columns as i32);
        }
        let row = ResultRow {
            values: std::slice::from_raw_parts((*slot).tts_values, columns),
            nulls: std::slice::from_raw_parts((*slot).tts_isnull, columns),
            types: &receiver.types,
            mismatch: &receiver.mismatch,
        };
        (receiver.each)(row) && receiver.mismatch.get().is_none()
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn start(this: *mut pg_sys::DestReceiver, _operation: i32, rows: pg_sys::TupleDesc) {
    // SAFETY: as above; the descriptor of the rows that will be received.
    unsafe {
        let receiver = &mut *this.cast::<Receiver<'_>>();
        receiver.types = (1..=(*rows).natts).map(|column| pg_sys::SPI_gettypeid(rows, column)).collect();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn end(_this: *mut pg_sys::DestReceiver) {}

/// A query whose plan is kept until it is dropped.
pub struct Query {
    plan: pg_sys::SPIPlanPtr,
    parameters: Vec<pg_sys::Oid>,
    /// The values of the last parameters.
    constants: Vec<Constant>,
    reads: Option<ExpectedRelation>,
}

/// The relation that a query must read, whatever its name resolves to when it is planned.
pub struct ExpectedRelation {
    /// The oid of the relation.
    pub relation: pg_sys::Oid,
    /// The name of the relation, for errors.
    pub name: CString,
}

impl Query {
    /// Parses a query that may use parallel workers. All its names and operators must be schema-qualified, because it
    /// runs with the caller's search path, on which views, policies and functions of the relation's owner may depend.
    pub fn new(sql: &CStr, parameters: &[pg_sys::Oid], reads: Option<ExpectedRelation>) -> Result<Self> {
        Self::prepare(sql, parameters, reads, pg_sys::CURSOR_OPT_PARALLEL_OK as i32)
    }

    /// Parses a query that never uses parallel workers, so that `each` may write.
    pub fn without_workers(
        sql: &CStr,
        parameters: &[pg_sys::Oid],
        reads: Option<ExpectedRelation>,
    ) -> Result<Self> {
        Self::prepare(sql, parameters, reads, 0)
    }

    /// Parses a query that is planned once, whatever its parameters, unless the relation changes. PostgreSQL would plan
    /// one with a LIMIT at every call as long as that seems cheaper than to run a plan that suits all parameters.
    pub fn planned_once(
        sql: &CStr,
        parameters: &[pg_sys::Oid],
        reads: Option<ExpectedRelation>,
    ) -> Result<Self> {
        Self::prepare(sql, parameters, reads, pg_sys::CURSOR_OPT_GENERIC_PLAN as i32)
    }

    fn prepare(
        sql: &CStr,
        parameters: &[pg_sys::Oid],
        reads: Option<ExpectedRelation>,
        options: i32,
    ) -> Result<Self> {
        let mut types = parameters.to_vec();
        let plan = Spi::connect(|_| {
            // SAFETY: SPI is connected; text and types outlive the call, which raises an error where the text is wrong.
            unsafe {
                let plan =
                    pg_sys::SPI_prepare_cursor(sql.as_ptr(), types.len() as i32, types.as_mut_ptr(), options);
                if !plan.is_null() {
                    pg_sys::SPI_keepplan(plan);
                }
                plan
            }
        });
        if plan.is_null() {
            return Err(SegrecError::Internal("could not prepare a query".to_owned()));
        }
        Ok(Self { plan, parameters: types, constants: Vec::new(), reads })
    }

    /// The same query, whose last parameters always have these values.
    pub fn with_constants(mut self, constants: Vec<Constant>) -> Self {
        self.constants = constants;
        self
    }

    /// Runs the query as the current user and passes each row to `each` until that returns false. It sees what the
    /// calling statement sees. If a name in it now refers to another relation, nothing is executed and an error is
    /// returned.
    pub fn run(&self, arguments: &[Argument<'_>], each: &mut dyn FnMut(ResultRow<'_>) -> bool) -> Result<()> {
        self.run_seeing(Sees::WhatTheStatementSees, arguments, each)
    }

    /// Like [`Self::run`], with explicit visibility.
    pub fn run_seeing(
        &self,
        sees: Sees,
        arguments: &[Argument<'_>],
        each: &mut dyn FnMut(ResultRow<'_>) -> bool,
    ) -> Result<()> {
        let given = arguments.iter().map(Argument::oid).chain(self.constants.iter().map(Constant::oid));
        if !given.eq(self.parameters.iter().copied()) {
            return Err(SegrecError::Internal("a query was passed values of other types".to_owned()));
        }
        let (mut values, mut nulls) = bound(arguments);
        values.extend(self.constants.iter().map(Constant::datum));
        nulls.resize(values.len(), b' ' as c_char);
        let mut receiver = Receiver {
            base: pg_sys::DestReceiver {
                receiveSlot: Some(receive),
                rStartup: Some(start),
                rShutdown: Some(end),
                rDestroy: Some(end),
                mydest: pg_sys::CommandDest::DestNone,
            },
            types: Vec::new(),
            mismatch: Cell::new(None),
            each,
        };
        let mut pass = || {
            Spi::connect(|_| {
                // SAFETY: SPI is connected, the plan is kept, and there is a value for each parameter, of its type. The
                // receiver outlives the call that fills it. A call that fails raises an error, which ends the portal.
                unsafe {
                    let portal = pg_sys::SPI_cursor_open(
                        std::ptr::null(),
                        self.plan,
                        values.as_mut_ptr(),
                        nulls.as_ptr(),
                        sees == Sees::WhatTheStatementSees,
                    );
                    if self
                        .reads
                        .as_ref()
                        .is_some_and(|reads| self.planned_relation() != Some(reads.relation))
                    {
                        pg_sys::SPI_cursor_close(portal);
                        return Err(SegrecError::ReplacedMeanwhile);
                    }
                    // All rows are fetched at once, so the plan may use parallel workers.
                    #[cfg(not(feature = "pg18"))]
                    {
                        (*portal).run_once = true;
                    }
                    pg_sys::PortalRunFetch(
                        portal,
                        pg_sys::FetchDirection::FETCH_FORWARD,
                        c_long::MAX,
                        (&raw mut receiver).cast(),
                    );
                    pg_sys::SPI_cursor_close(portal);
                    Ok(())
                }
            })
        };
        match &self.reads {
            Some(reads) => reading(&reads.name, &mut pass)?,
            None => pass()?,
        }
        check_types(&receiver.mismatch)
    }

    /// Plans the query without executing it, which raises PostgreSQL's own error if the current user may not read.
    pub fn plan(&self) -> Result<()> {
        self.run(&[], &mut |_| false)
    }

    /// Plans the query for all parameters, unless that is done, and passes the plan and its source to `look`. Nothing is
    /// executed but what the planner computes in advance.
    pub(super) fn with_generic_plan<T>(
        &self,
        look: impl FnOnce(&pg_sys::CachedPlan, &pg_sys::CachedPlanSource) -> Result<T>,
    ) -> Result<T> {
        let plan = || {
            Spi::connect(|_| {
                // SAFETY: SPI is connected, and the plan is kept. What was got lives until it is given back, and its source
                // as long as the query.
                unsafe {
                    let plan = Borrowed(pg_sys::SPI_plan_get_cached_plan(self.plan));
                    let source =
                        first::<pg_sys::CachedPlanSource>(pg_sys::SPI_plan_get_plan_sources(self.plan));
                    let (Some(own), Some(source)) = (plan.0.as_ref(), source) else {
                        return Err(SegrecError::Internal("could not plan a query".to_owned()));
                    };
                    if self
                        .reads
                        .as_ref()
                        .is_some_and(|reads| self.planned_relation() != Some(reads.relation))
                    {
                        return Err(SegrecError::ReplacedMeanwhile);
                    }
                    look(own, &*source)
                }
            })
        };
        match &self.reads {
            Some(reads) => reading(&reads.name, plan),
            None => plan(),
        }
    }

    /// The relation that the query read when it was last planned.
    ///
    /// # Safety
    /// The plan was made in this call, and nothing has been processed since that would discard it.
    unsafe fn planned_relation(&self) -> Option<pg_sys::Oid> {
        // SAFETY: the plan has one source, whose queries and their tables of relations live as long as it; every list
        // is looked at only within its length.
        unsafe {
            let source = first::<pg_sys::CachedPlanSource>(pg_sys::SPI_plan_get_plan_sources(self.plan))?;
            let mut query = first::<pg_sys::Query>((*source).query_list)?;
            loop {
                let entry = first::<pg_sys::RangeTblEntry>((*query).rtable)?;
                if (*entry).relid != pg_sys::InvalidOid {
                    return Some((*entry).relid);
                }
                // A subquery, or a view: before 16 the view itself is the first relation of its query.
                if (*entry).rtekind != pg_sys::RTEKind::RTE_SUBQUERY || (*entry).subquery.is_null() {
                    return None;
                }
                query = (*entry).subquery;
            }
        }
    }
}

/// The plan of a query, given back when it is dropped.
struct Borrowed(*mut pg_sys::CachedPlan);

impl Drop for Borrowed {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: it was got for this owner, and is given back once.
            unsafe { pg_sys::ReleaseCachedPlan(self.0, pg_sys::CurrentResourceOwner) };
        }
    }
}

/// The first element of a list.
///
/// # Safety
/// A list of pointers to `T`, or null.
pub(super) unsafe fn first<T>(list: *mut pg_sys::List) -> Option<*mut T> {
    // SAFETY: guaranteed by the caller; a null list is empty.
    unsafe { (!list.is_null() && (*list).length > 0).then(|| pg_sys::list_nth(list, 0).cast::<T>()) }
}

impl Drop for Query {
    fn drop(&mut self) {
        // SAFETY: the plan was kept, and is given back once.
        unsafe { pg_sys::SPI_freeplan(self.plan) };
    }
}

/// Runs a data-modifying statement as the current user, and passes each returned row to `each` until that returns
/// false.
pub fn write(
    sql: &CStr,
    arguments: &[Argument<'_>],
    each: &mut dyn FnMut(ResultRow<'_>) -> bool,
) -> Result<()> {
    let (mut values, nulls) = bound(arguments);
    let mut types: Vec<pg_sys::Oid> = arguments.iter().map(Argument::oid).collect();
    Spi::connect_mut(|_| {
        // SAFETY: SPI is connected; there is a value for each parameter, of its type. Rows and their descriptor are SPI's,
        // to the end of the connection.
        unsafe {
            let (values, types) = (values.as_mut_ptr(), types.as_mut_ptr());
            let count = arguments.len() as i32;
            let status =
                pg_sys::SPI_execute_with_args(sql.as_ptr(), count, types, values, nulls.as_ptr(), false, 0);
            if status < 0 {
                return Err(SegrecError::Internal(format!("a statement returned the status {status}")));
            }
            match pg_sys::SPI_tuptable.as_ref() {
                Some(table) => returned(table, pg_sys::SPI_processed as usize, each),
                None => Ok(()),
            }
        }
    })
}

/// Passes on the rows of an SPI tuple table.
///
/// # Safety
/// The table has so many rows.
unsafe fn returned(
    table: &pg_sys::SPITupleTable,
    count: usize,
    each: &mut dyn FnMut(ResultRow<'_>) -> bool,
) -> Result<()> {
    let mismatch = Cell::new(None);
    // SAFETY: rows are as many as the caller says, and each has the columns of the descriptor.
    unsafe {
        let columns = 1..=(*table.tupdesc).natts;
        let types: Vec<pg_sys::Oid> =
            columns.clone().map(|column| pg_sys::SPI_gettypeid(table.tupdesc, column)).collect();
        for row in 0..count {
            let row = *table.vals.add(row);
            let (values, nulls): (Vec<_>, Vec<_>) = columns
                .clone()
                .map(|column| {
                    let mut is_null = false;
                    (pg_sys::SPI_getbinval(row, table.tupdesc, column, &mut is_null), is_null)
                })
                .unzip();
            let row = ResultRow { values: &values, nulls: &nulls, types: &types, mismatch: &mismatch };
            if !each(row) || mismatch.get().is_some() {
                break;
            }
        }
    }
    check_types(&mismatch)
}

/// Datums and null flags in the form that SPI takes.
fn bound(arguments: &[Argument<'_>]) -> (Vec<pg_sys::Datum>, Vec<c_char>) {
    arguments
        .iter()
        .map(|argument| match argument.datum() {
            Some(datum) => (datum, b' ' as c_char),
            None => (pg_sys::Datum::null(), b'n' as c_char),
        })
        .unzip()
}

/// Runs a read-only query of the catalog as the current user, and passes each row to `each` until that returns false.
pub fn stream(sql: &CStr, each: &mut dyn FnMut(ResultRow<'_>) -> bool) -> Result<()> {
    Query::new(sql, &[], None)?.run(&[], each)
}
