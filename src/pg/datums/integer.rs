//! Integer arguments. Their SQL type is bigint: drivers send smallint, integer or bigint as they please, and PostgreSQL
//! widens arguments implicitly but never narrows them. All of our arguments must fit into an integer.

use crate::error::{SegrecError, or_raise};
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::nullable::Nullable;
use pgrx::{FromDatum, pg_sys};

/// An argument of type bigint that must fit into an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer(pub i32);

impl FromDatum for Integer {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the argument is a bigint.
        let value = unsafe { i64::from_polymorphic_datum(datum, is_null, oid) }?;
        let small = i32::try_from(value).map_err(|_| SegrecError::TooLarge { value });
        Some(Self(or_raise(small)))
    }
}

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx> ArgAbi<'fcx> for Integer {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(Self(0))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

/// The value of an optional argument.
pub fn number(argument: Option<Integer>) -> Option<i32> {
    argument.map(|Integer(number)| number)
}

pgrx::impl_sql_translatable!(Integer, "bigint");
