//! Values of type `jsonb`. They may contain numbers beyond `double precision` or nesting too deep for serde_json. pgrx
//! panics on these; here they are rejected with a proper error.

use super::encoding::{decode, encode};
use super::text::Text;
use crate::error::{Result, SegrecError, or_raise};
use crate::pg::process::memory;
use crate::pg::process::small_blocks::SmallBlocks;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::nullable::Nullable;
use pgrx::{FromDatum, IntoDatum, pg_sys};
use serde_json::Value;
use std::ffi::CString;

/// The memory that a byte of jsonb may take: entries of an object take some sixty bytes in addition to their name.
const VALUE_TIMES: usize = 16;

/// An argument or result of type `jsonb`.
#[derive(Clone, Debug)]
pub struct Json(pub Value);

/// Parses a `jsonb` datum.
///
/// # Safety
/// The datum is a `jsonb`.
///
/// # Errors
/// If a number is too large, or the nesting too deep.
pub unsafe fn parse(datum: pg_sys::Datum) -> Result<Value> {
    let small = SmallBlocks::new();
    // SAFETY: a detoasted jsonb is its header and then its container; its text is NUL-terminated.
    let parsed = unsafe {
        let plain = pg_sys::pg_detoast_datum(datum.cast_mut_ptr());
        let jsonb = plain.cast::<pg_sys::Jsonb>();
        let size = pgrx::varlena::varsize_any(plain);
        memory::ask("a jsonb argument", VALUE_TIMES * size).and_then(|()| {
            let printed = pg_sys::JsonbToCString(std::ptr::null_mut(), &raw mut (*jsonb).root, size as i32);
            decode(std::ffi::CStr::from_ptr(printed).to_bytes()).and_then(|text| read(&text))
        })
    };
    small.free();
    parsed
}

fn read(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| SegrecError::JsonBeyond { reason: error.to_string() })
}

/// Converts a value to a `jsonb` datum.
///
/// # Errors
/// If a text contains a character that PostgreSQL does not accept.
pub fn to_datum(value: &Value) -> Result<pg_sys::Datum> {
    jsonb(&value.to_string())
}

/// Parses text as a `jsonb` datum.
fn jsonb(text: &str) -> Result<pg_sys::Datum> {
    let printed = CString::new(encode(text)?).map_err(|_| SegrecError::ZeroByte)?;
    // SAFETY: the input function of jsonb takes a C string, which lives until it has answered.
    let jsonb =
        unsafe { pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(printed.as_ptr().into())]) };
    jsonb.ok_or_else(|| SegrecError::Internal("jsonb_in returned null".to_owned()))
}

impl FromDatum for Json {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the argument is a jsonb.
        (!is_null).then(|| Self(or_raise(unsafe { parse(datum) })))
    }
}

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx> ArgAbi<'fcx> for Json {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(Self(Value::Null))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

impl IntoDatum for Json {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(or_raise(to_datum(&self.0)))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the datum is a jsonb in the context of the call.
unsafe impl BoxRet for Json {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        match self.into_datum() {
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}

pgrx::impl_sql_translatable!(Json, "jsonb");

/// An argument that is a JSON document of any type that drivers send: `jsonb`, `json`, or text.
#[derive(Clone, Debug)]
pub struct Document(pub Value);

impl FromDatum for Document {
    const GET_TYPOID: bool = true;

    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the argument is of that type; a `json` is stored as a text is. What `jsonb_in` makes is a jsonb.
        let read = || unsafe {
            match oid {
                pg_sys::JSONBOID => parse(datum),
                pg_sys::JSONOID | pg_sys::TEXTOID | pg_sys::VARCHAROID => {
                    let Text(text) = or_raise(Text::from_datum(datum, false).ok_or(SegrecError::ZeroByte));
                    memory::ask("a JSON argument", VALUE_TIMES * text.len())?;
                    parse(jsonb(&text)?)
                }
                other => {
                    let found = std::ffi::CStr::from_ptr(pg_sys::format_type_be(other));
                    Err(SegrecError::NoDocument { found: found.to_string_lossy().into_owned() })
                }
            }
        };
        (!is_null).then(|| Self(or_raise(read())))
    }
}

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx> ArgAbi<'fcx> for Document {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(Self(Value::Null))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

pgrx::impl_sql_translatable!(Document, "anycompatible");
