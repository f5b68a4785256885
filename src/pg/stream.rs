//! Streaming the rows of a query into a closure: a receiver of our own at the end of the executor.
//! Nothing is collected; a row costs the deforming of its slot.

use super::packed::Packed;
use pgrx::prelude::*;
use pgrx::{FromDatum, Spi, pg_sys};
use std::ffi::CStr;

/// One row while it passes.
pub struct Row<'a> {
    values: &'a [pg_sys::Datum],
    nulls: &'a [bool],
}

impl Row<'_> {
    /// A `bigint` or `timestamptz` (microseconds since 2000); `None` where null.
    pub fn integer(&self, column: usize) -> Option<i64> {
        // SAFETY: the queries cast the column to an 8-byte type passed by value.
        unsafe { i64::from_datum(self.values[column], self.nulls[column]) }
    }

    /// A `float8`; `None` where null.
    pub fn number(&self, column: usize) -> Option<f64> {
        // SAFETY: the queries cast the column to float8.
        unsafe { f64::from_datum(self.values[column], self.nulls[column]) }
    }

    /// A `boolean`; `None` where null.
    pub fn boolean(&self, column: usize) -> Option<bool> {
        // SAFETY: the queries cast the column to boolean.
        unsafe { bool::from_datum(self.values[column], self.nulls[column]) }
    }

    /// A `real[]` of one dimension without nulls; `None` for any other and where null.
    pub fn reals(&self, column: usize) -> Option<Vec<f32>> {
        // SAFETY: the queries cast the column to real[].
        unsafe { Packed::from_datum(self.values[column], self.nulls[column]) }.map(|Packed(values)| values)
    }

    /// An `integer[]` of one dimension without nulls; `None` for any other and where null.
    pub fn integers(&self, column: usize) -> Option<Vec<i32>> {
        // SAFETY: the queries cast the column to integer[].
        unsafe { Packed::from_datum(self.values[column], self.nulls[column]) }.map(|Packed(values)| values)
    }

    /// A `uuid`; `None` where null.
    pub fn uuid(&self, column: usize) -> Option<[u8; 16]> {
        // SAFETY: the queries cast the column to uuid.
        unsafe { pgrx::Uuid::from_datum(self.values[column], self.nulls[column]) }
            .map(|uuid| *uuid.as_bytes())
    }

    /// Passes a `text` to `f`; `None` where null or not valid in UTF-8.
    pub fn text<T>(&self, column: usize, f: impl FnOnce(&str) -> T) -> Option<T> {
        if self.nulls[column] {
            return None;
        }
        let datum = self.values[column].cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: the queries cast the column to text, so the datum is a varlena; the detoasted
        // copy, where one was needed, lives until it is freed here.
        unsafe {
            let plain = pg_sys::pg_detoast_datum_packed(datum);
            let result = pgrx::varlena::text_to_rust_str(plain).ok().map(f);
            if !std::ptr::eq(plain, datum) {
                pg_sys::pfree(plain.cast());
            }
            result
        }
    }
}

/// The receiver: PostgreSQL knows its first field, the rest is ours.
#[repr(C)]
struct Receiver<'a> {
    base: pg_sys::DestReceiver,
    columns: usize,
    each: &'a mut dyn FnMut(Row<'_>) -> bool,
}

#[pg_guard]
unsafe extern "C-unwind" fn receive(
    slot: *mut pg_sys::TupleTableSlot,
    this: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: PostgreSQL passes back the receiver it was given, which is a `Receiver`; a slot has as
    // many values as its descriptor has attributes once they are fetched.
    unsafe {
        let receiver = &mut *this.cast::<Receiver<'_>>();
        let columns = receiver.columns;
        if ((*slot).tts_nvalid as usize) < columns {
            pg_sys::slot_getsomeattrs_int(slot, columns as i32);
        }
        let row = Row {
            values: std::slice::from_raw_parts((*slot).tts_values, columns),
            nulls: std::slice::from_raw_parts((*slot).tts_isnull, columns),
        };
        (receiver.each)(row)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn start(
    _this: *mut pg_sys::DestReceiver,
    _operation: i32,
    _row_type: pg_sys::TupleDesc,
) {
}

#[pg_guard]
unsafe extern "C-unwind" fn end(_this: *mut pg_sys::DestReceiver) {}

/// Runs a query of `columns` columns as the current user, read-only, and passes each row to `each`
/// until it returns false.
pub fn stream(query: &CStr, columns: usize, each: &mut dyn FnMut(Row<'_>) -> bool) {
    let mut receiver = Receiver {
        base: pg_sys::DestReceiver {
            receiveSlot: Some(receive),
            rStartup: Some(start),
            rShutdown: Some(end),
            rDestroy: Some(end),
            mydest: pg_sys::CommandDest::DestNone,
        },
        columns,
        each,
    };
    Spi::connect(|_| {
        let options = pg_sys::SPIExecuteOptions {
            read_only: true,
            dest: (&raw mut receiver).cast(),
            ..Default::default()
        };
        // SAFETY: SPI is connected, the query ends with a zero byte, and the receiver outlives the
        // call, which raises an error on failure.
        unsafe { pg_sys::SPI_execute_extended(query.as_ptr(), &options) };
    });
}
