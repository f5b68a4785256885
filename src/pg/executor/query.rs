//! Queries whose rows pass one by one through a receiver of our own at the end of the executor: nothing is collected, a
//! row costs the deforming of its slot. A query of a user's relation is compared with that relation after it was planned,
//! and a value becomes one of Rust only by the type that the plan gives it.

use super::error_context::reading;
use super::relation::type_name;
use crate::error::{Result, SegrecError, or_raise};
use crate::pg::datums::encoding::decode;
use crate::pg::datums::number_array::NumberArray;
use crate::pg::datums::value::{Argument, Readable};
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum, Spi, pg_sys};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_long};

/// One row while it passes. Columns count from 0.
pub struct Row<'a> {
    values: &'a [pg_sys::Datum],
    nulls: &'a [bool],
    types: &'a [pg_sys::Oid],
    mismatch: &'a Cell<Option<Mismatch>>,
}

/// A column whose type is not the one it is asked for as.
#[derive(Clone, Copy, Debug)]
struct Mismatch {
    column: usize,
    found: pg_sys::Oid,
    asked: pg_sys::Oid,
}

impl Row<'_> {
    /// The only way from a datum to a value: by one of the types that the value is made of.
    fn read<T: FromDatum>(&self, column: usize, types: &[pg_sys::Oid]) -> Option<T> {
        let found = self.types[column];
        if !types.contains(&found) {
            self.mismatch.set(Some(Mismatch { column, found, asked: types[0] }));
            return None;
        }
        // SAFETY: the datum has the type that the plan's description of its result says, which is one that `T` reads.
        unsafe { T::from_datum(self.values[column], self.nulls[column]) }
    }

    /// A value of any type that can be read; `None` where null.
    pub fn value<T: Readable>(&self, column: usize) -> Option<T> {
        let found = self.types[column];
        if !T::Stored::is_compatible_with(found) {
            self.mismatch.set(Some(Mismatch { column, found, asked: T::Stored::type_oid() }));
            return None;
        }
        // SAFETY: as in `read`.
        let stored =
            unsafe { T::Stored::from_polymorphic_datum(self.values[column], self.nulls[column], found) };
        stored.map(T::from_stored)
    }

    /// A `bigint` or `timestamptz` (microseconds since 2000); `None` where null. Here and below: where the column has
    /// another type, the query ends with an error.
    pub fn integer(&self, column: usize) -> Option<i64> {
        self.read(column, &[pg_sys::INT8OID, pg_sys::TIMESTAMPTZOID])
    }

    /// A `float8`; `None` where null.
    pub fn number(&self, column: usize) -> Option<f64> {
        self.read(column, &[pg_sys::FLOAT8OID])
    }

    /// A `boolean`; `None` where null.
    pub fn boolean(&self, column: usize) -> Option<bool> {
        self.read(column, &[pg_sys::BOOLOID])
    }

    /// A `real[]` or `float8[]` of one dimension without nulls, whose numbers are infinite where `real` has no place for
    /// them; `None` for any other and where null.
    pub fn reals(&self, column: usize) -> Option<Vec<f32>> {
        if self.types[column] == pg_sys::FLOAT8ARRAYOID {
            let doubles = self.read(column, &[pg_sys::FLOAT8ARRAYOID]);
            return doubles
                .map(|NumberArray(values)| values.into_iter().map(|value: f64| value as f32).collect());
        }
        self.read(column, &[pg_sys::FLOAT4ARRAYOID]).map(|NumberArray(values)| values)
    }

    /// An `integer[]` of one dimension without nulls; `None` for any other and where null.
    pub fn integers(&self, column: usize) -> Option<Vec<i32>> {
        self.read(column, &[pg_sys::INT4ARRAYOID]).map(|NumberArray(values)| values)
    }

    /// A `uuid`; `None` where null.
    pub fn uuid(&self, column: usize) -> Option<[u8; 16]> {
        self.read::<pgrx::Uuid>(column, &[pg_sys::UUIDOID]).map(|uuid| *uuid.as_bytes())
    }

    /// Passes a `text` to `f`; `None` where null. A text that has no place in UTF-8 ends the query with an error.
    pub fn text<T>(&self, column: usize, f: impl FnOnce(&str) -> T) -> Option<T> {
        let Varlena(stored) = self.read(column, &[pg_sys::TEXTOID])?;
        // SAFETY: the datum is a text; the detoasted copy, where one was needed, lives until it is freed here.
        unsafe {
            let plain = pg_sys::pg_detoast_datum_packed(stored);
            let length = pgrx::varlena::varsize_any_exhdr(plain);
            let bytes = std::slice::from_raw_parts(pgrx::varlena::vardata_any(plain).cast::<u8>(), length);
            let result = f(&or_raise(decode(bytes)));
            if !std::ptr::eq(plain, stored) {
                pg_sys::pfree(plain.cast());
            }
            Some(result)
        }
    }
}

/// A value of variable length where it lies.
struct Varlena(*mut pg_sys::varlena);

impl FromDatum for Varlena {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then(|| Self(datum.cast_mut_ptr()))
    }
}

/// The receiver: PostgreSQL knows its first field, the rest is ours.
#[repr(C)]
struct Receiver<'a> {
    base: pg_sys::DestReceiver,
    types: Vec<pg_sys::Oid>,
    mismatch: Cell<Option<Mismatch>>,
    each: &'a mut dyn FnMut(Row<'_>) -> bool,
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
        let row = Row {
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

/// What a query sees of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// What the calling statement sees, as in a STABLE function: the same at each call, also where the plan of the calling
    /// statement has parallel workers.
    WhatTheStatementSees,
    /// What was changed in this transaction until now as well, as in a VOLATILE function.
    Changes,
}

/// A query that is planned once and kept until it is dropped.
pub struct Query {
    plan: pg_sys::SPIPlanPtr,
    parameters: Vec<pg_sys::Oid>,
    reads: Option<Reads>,
}

/// The relation that a query is to read, whatever the names in it mean when it is planned.
pub struct Reads {
    /// Its oid.
    pub relation: pg_sys::Oid,
    /// Its name, for whoever reads of an error.
    pub name: CString,
}

impl Query {
    /// Parses a query that may have parallel workers. Every name and operator in it is written with its schema, since it
    /// is resolved by the search path of whoever calls, like what it reads through: views, policies and functions of the
    /// relation's owner.
    pub fn new(sql: &CStr, parameters: &[pg_sys::Oid], reads: Option<Reads>) -> Result<Self> {
        Self::prepare(sql, parameters, reads, pg_sys::CURSOR_OPT_PARALLEL_OK as i32)
    }

    /// Parses a query that has none, so that what takes its rows may write.
    pub fn without_workers(sql: &CStr, parameters: &[pg_sys::Oid], reads: Option<Reads>) -> Result<Self> {
        Self::prepare(sql, parameters, reads, 0)
    }

    fn prepare(sql: &CStr, parameters: &[pg_sys::Oid], reads: Option<Reads>, options: i32) -> Result<Self> {
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
            return Err(SegrecError::Internal("a query could not be prepared".to_owned()));
        }
        Ok(Self { plan, parameters: types, reads })
    }

    /// Plans and runs it as the current user and passes each row to `each` until it returns false. It sees what the calling
    /// statement sees. Where a name in it means another relation by now, none of it runs, and the error says so.
    pub fn run(&self, arguments: &[Argument<'_>], each: &mut dyn FnMut(Row<'_>) -> bool) -> Result<()> {
        self.run_seeing(Sees::WhatTheStatementSees, arguments, each)
    }

    /// The same where it is said what it sees.
    pub fn run_seeing(
        &self,
        sees: Sees,
        arguments: &[Argument<'_>],
        each: &mut dyn FnMut(Row<'_>) -> bool,
    ) -> Result<()> {
        if !arguments.iter().map(Argument::oid).eq(self.parameters.iter().copied()) {
            return Err(SegrecError::Internal("a query was given values of other types".to_owned()));
        }
        let (mut values, nulls) = bound(arguments);
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
                    // All rows are taken at once, so the plan may use parallel workers.
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
        told(&receiver.mismatch)
    }

    /// Plans it without running any of it: raises PostgreSQL's own error where the current user may not read.
    pub fn plan(&self) -> Result<()> {
        self.run(&[], &mut |_| false)
    }

    /// The relation that the text of the query was understood to read when it was planned last.
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
                // A query within this one, or a view: before 16 the view itself is the first that its query names.
                if (*entry).rtekind != pg_sys::RTEKind::RTE_SUBQUERY || (*entry).subquery.is_null() {
                    return None;
                }
                query = (*entry).subquery;
            }
        }
    }
}

/// The first of a list.
///
/// # Safety
/// A list of pointers to `T`, or null.
unsafe fn first<T>(list: *mut pg_sys::List) -> Option<*mut T> {
    // SAFETY: as the caller says; a null list is empty.
    unsafe { (!list.is_null() && (*list).length > 0).then(|| pg_sys::list_nth(list, 0).cast::<T>()) }
}

impl Drop for Query {
    fn drop(&mut self) {
        // SAFETY: the plan was kept, and is given back once.
        unsafe { pg_sys::SPI_freeplan(self.plan) };
    }
}

/// Runs a statement that writes as the current user, and passes each row that it returns to `each` until that returns false.
pub fn write(sql: &CStr, arguments: &[Argument<'_>], each: &mut dyn FnMut(Row<'_>) -> bool) -> Result<()> {
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
                return Err(SegrecError::Internal(format!("a statement gave the status {status}")));
            }
            match pg_sys::SPI_tuptable.as_ref() {
                Some(table) => returned(table, pg_sys::SPI_processed as usize, each),
                None => Ok(()),
            }
        }
    })
}

/// Passes the rows of a table of SPI's on.
///
/// # Safety
/// The table has so many rows.
unsafe fn returned(
    table: &pg_sys::SPITupleTable,
    count: usize,
    each: &mut dyn FnMut(Row<'_>) -> bool,
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
            let row = Row { values: &values, nulls: &nulls, types: &types, mismatch: &mismatch };
            if !each(row) || mismatch.get().is_some() {
                break;
            }
        }
    }
    told(&mismatch)
}

/// An error where a column was asked for as what it is not.
fn told(mismatch: &Cell<Option<Mismatch>>) -> Result<()> {
    match mismatch.get() {
        None => Ok(()),
        Some(Mismatch { column, found, asked }) => Err(SegrecError::ResultType {
            column: column + 1,
            found: type_name(found),
            asked: type_name(asked),
        }),
    }
}

/// Values and whether they are null, as SPI takes them.
fn bound(arguments: &[Argument<'_>]) -> (Vec<pg_sys::Datum>, Vec<c_char>) {
    arguments
        .iter()
        .map(|argument| match argument.datum() {
            Some(datum) => (datum, b' ' as c_char),
            None => (pg_sys::Datum::null(), b'n' as c_char),
        })
        .unzip()
}

/// Runs a query of the catalog as the current user, read-only, and passes each row to `each` until it returns false.
pub fn stream(sql: &CStr, each: &mut dyn FnMut(Row<'_>) -> bool) -> Result<()> {
    Query::new(sql, &[], None)?.run(&[], each)
}
