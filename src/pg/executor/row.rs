//! One row of a query's result. Values are converted to Rust only by the types in the plan.

use super::relation::type_name;
use crate::error::{Result, SegrecError, or_raise};
use crate::pg::datums::encoding::decode;
use crate::pg::datums::number_array::NumberArray;
use crate::pg::datums::value::Readable;
use pgrx::{FromDatum, IntoDatum, pg_sys};
use std::cell::Cell;

/// One row of a result. Columns count from 0.
pub struct ResultRow<'a> {
    pub(super) values: &'a [pg_sys::Datum],
    pub(super) nulls: &'a [bool],
    pub(super) types: &'a [pg_sys::Oid],
    pub(super) mismatch: &'a Cell<Option<Mismatch>>,
}

/// A column that was read as another type than it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mismatch {
    column: usize,
    found: pg_sys::Oid,
    asked: pg_sys::Oid,
}

impl ResultRow<'_> {
    /// Converts a datum, which must have one of the given types. All other accessors use this one.
    fn read<T: FromDatum>(&self, column: usize, types: &[pg_sys::Oid]) -> Option<T> {
        let found = self.types[column];
        if !types.contains(&found) {
            self.mismatch.set(Some(Mismatch { column, found, asked: types[0] }));
            return None;
        }
        // SAFETY: the datum has the type that the plan's description of its result says, which is one that `T` reads.
        unsafe { T::from_datum(self.values[column], self.nulls[column]) }
    }

    /// A value of any readable type; `None` if it is null.
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

    /// A `bigint` or `timestamptz` (microseconds since 2000); `None` if it is null. This and the following methods let
    /// the query fail if the column has another type.
    pub fn integer(&self, column: usize) -> Option<i64> {
        self.read(column, &[pg_sys::INT8OID, pg_sys::TIMESTAMPTZOID])
    }

    /// A `float8`; `None` if it is null.
    pub fn number(&self, column: usize) -> Option<f64> {
        self.read(column, &[pg_sys::FLOAT8OID])
    }

    /// A `boolean`; `None` if it is null.
    pub fn boolean(&self, column: usize) -> Option<bool> {
        self.read(column, &[pg_sys::BOOLOID])
    }

    /// A one-dimensional `real[]` or `float8[]` without nulls, in which values beyond `real` become infinite; `None` if
    /// it is null or any other array.
    pub fn reals(&self, column: usize) -> Option<Vec<f32>> {
        if self.types[column] == pg_sys::FLOAT8ARRAYOID {
            let doubles = self.read(column, &[pg_sys::FLOAT8ARRAYOID]);
            return doubles
                .map(|NumberArray(values)| values.into_iter().map(|value: f64| value as f32).collect());
        }
        self.read(column, &[pg_sys::FLOAT4ARRAYOID]).map(|NumberArray(values)| values)
    }

    /// A one-dimensional `integer[]` without nulls; `None` if it is null or any other array.
    pub fn integers(&self, column: usize) -> Option<Vec<i32>> {
        self.read(column, &[pg_sys::INT4ARRAYOID]).map(|NumberArray(values)| values)
    }

    /// A `uuid`; `None` if it is null.
    pub fn uuid(&self, column: usize) -> Option<[u8; 16]> {
        self.read::<pgrx::Uuid>(column, &[pg_sys::UUIDOID]).map(|uuid| *uuid.as_bytes())
    }

    /// Passes a `text` to `f`; `None` if it is null. The query fails if the text cannot be converted to UTF-8.
    pub fn text<T>(&self, column: usize, f: impl FnOnce(&str) -> T) -> Option<T> {
        let StoredText(stored) = self.read(column, &[pg_sys::TEXTOID])?;
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

/// A value of variable length as it is stored.
struct StoredText(*mut pg_sys::varlena);

impl FromDatum for StoredText {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then(|| Self(datum.cast_mut_ptr()))
    }
}

/// Returns an error if a column was read as another type than it has.
pub(super) fn check_types(mismatch: &Cell<Option<Mismatch>>) -> Result<()> {
    match mismatch.get() {
        None => Ok(()),
        Some(Mismatch { column, found, asked }) => Err(SegrecError::ResultType {
            column: column + 1,
            found: type_name(found),
            asked: type_name(asked),
        }),
    }
}
