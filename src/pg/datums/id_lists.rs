//! Arguments that are lists of ids: `candidates`, which must distinguish null from omitted, and lists given as the text
//! of an array.

use super::encoding::encode;
use super::text::Text;
use crate::error::{SegrecError, or_raise};
use crate::pg::process::memory::ask;
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::nullable::Nullable;
use pgrx::{FromDatum, Uuid, pg_sys};
use std::ffi::CString;

/// The overhead of a small memory allocation, in bytes.
const BLOCK_BYTES: usize = 16;

/// The argument `candidates`. Null means an empty list, because `array_agg` of no rows is null. To let a call omit the
/// argument, its default is an array that no query would produce: a single null at index 0.
#[derive(Clone, Debug)]
pub struct Filter<T>(pub Option<Vec<Option<T>>>);

/// Copies the elements of an array, after checking that there is enough memory.
///
/// # Safety
/// The pointer is to an array of that type that is neither packed nor stored apart.
unsafe fn elements<T>(array: *mut pg_sys::ArrayType, oid: pg_sys::Oid) -> Option<Vec<Option<T>>>
where
    Vec<Option<T>>: FromDatum,
{
    // SAFETY: an array has its lengths after the header, as many as it has dimensions.
    unsafe {
        let lengths = array.add(1).cast::<i32>();
        let count: usize = (0..(*array).ndim as usize).map(|at| lengths.add(at).read() as usize).product();
        // Each element in the vector, and for texts also an allocation of its own.
        let bytes = pgrx::varlena::varsize_any(array.cast()) + count * (size_of::<Option<T>>() + BLOCK_BYTES);
        or_raise(ask("an array argument", bytes));
        Vec::from_polymorphic_datum(array.into(), false, oid)
    }
}

/// A list of ids; its readers skip null elements.
#[derive(Clone, Debug)]
pub struct List<T>(pub Vec<Option<T>>);

impl<T> FromDatum for List<T>
where
    Vec<Option<T>>: FromDatum,
{
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, oid: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the argument is an array of that type.
        unsafe { elements(pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast(), oid).map(Self) }
    }
}

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx, T> ArgAbi<'fcx> for List<T>
where
    Vec<Option<T>>: FromDatum,
{
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(Self(Vec::new()))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

pgrx::impl_sql_translatable!(List<i64>, "bigint[]");
pgrx::impl_sql_translatable!(List<Uuid>, "uuid[]");
pgrx::impl_sql_translatable!(List<Text>, "text[]");

/// Whether a detoasted array is `[0:0]={NULL}`.
///
/// # Safety
/// The pointer is to an array that is neither packed nor stored apart.
unsafe fn is_default(array: *const pg_sys::ArrayType) -> bool {
    // SAFETY: an array has its lengths and then its lower bounds after the header, as many as it has dimensions.
    unsafe {
        let bounds = array.add(1).cast::<i32>();
        (*array).ndim == 1 && (*array).dataoffset != 0 && bounds.read() == 1 && bounds.add(1).read() == 0
    }
}

impl<T> FromDatum for Filter<T>
where
    Vec<Option<T>>: FromDatum,
{
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, oid: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return Some(Self(Some(Vec::new())));
        }
        // SAFETY: the argument is an array of that type.
        unsafe {
            let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            match is_default(array) {
                true => Some(Self(None)),
                false => Some(Self(elements(array, oid))),
            }
        }
    }
}

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx, T> ArgAbi<'fcx> for Filter<T>
where
    Vec<Option<T>>: FromDatum,
{
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(Self(None))
    }
}

pgrx::impl_sql_translatable!(Filter<i64>, "bigint[]");
pgrx::impl_sql_translatable!(Filter<Uuid>, "uuid[]");
pgrx::impl_sql_translatable!(Filter<Text>, "text[]");

/// Parses an array given as text: a literal, or a parameter of unknown type.
///
/// # Safety
/// The datum is a text.
pub unsafe fn array_of_text(datum: pg_sys::Datum, element: pg_sys::Oid) -> Option<pg_sys::Datum> {
    // SAFETY: the input function of arrays takes a C string, which lives until it has answered, and the type of elements.
    unsafe {
        let Text(text) = Text::from_datum(datum, false)?;
        // An element may take two bytes of the text, but at least eight bytes in the array.
        or_raise(ask("an array in text form", 16 * text.len()));
        let text = or_raise(encode(&text)).into_owned();
        let text = or_raise(CString::new(text).map_err(|_| SegrecError::ZeroByte));
        let array_in = pg_sys::Oid::from(pg_sys::F_ARRAY_IN);
        Some(pg_sys::OidInputFunctionCall(array_in, text.as_ptr().cast_mut(), element, -1))
    }
}

/// A list of ids given as the text of an array, for example `{7,12}`.
#[derive(Clone, Debug)]
pub struct Written(pub Vec<Option<Text>>);

impl FromDatum for Written {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the argument is a text.
        unsafe {
            let array = array_of_text(datum, pg_sys::TEXTOID)?;
            elements(array.cast_mut_ptr(), pg_sys::TEXTARRAYOID).map(Self)
        }
    }
}

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx> ArgAbi<'fcx> for Written {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(Self(Vec::new()))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

pgrx::impl_sql_translatable!(Written, "text");
