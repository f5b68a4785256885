//! Values of the extension's own types: PostgreSQL's header, followed by bytes that only the extension interprets, read
//! in place.

use crate::pg::process::small_blocks::SmallBlocks;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::nullable::Nullable;
use pgrx::{FromDatum, pg_sys};
use std::borrow::Cow;

/// The bytes of a varlena after its header; copied only if it is compressed or stored out of line.
///
/// # Safety
/// `stored` is a varlena that lives as long as the call.
pub unsafe fn bytes_of<'fcx>(stored: *mut pg_sys::varlena) -> &'fcx [u8] {
    // SAFETY: a detoasted copy lives in the memory context of the call.
    unsafe {
        let lies_plain = pgrx::varlena::varatt_is_4b_u(stored)
            || (pgrx::varlena::varatt_is_1b(stored) && !pgrx::varlena::varatt_is_1b_e(stored));
        let plain = if lies_plain {
            stored
        } else {
            let _small = SmallBlocks::new();
            pg_sys::pg_detoast_datum_packed(stored)
        };
        let length = pgrx::varlena::varsize_any_exhdr(plain);
        std::slice::from_raw_parts(pgrx::varlena::vardata_any(plain).cast::<u8>(), length)
    }
}

/// Reinterprets bytes as `f32`; copies only if they are unaligned, as in very short values.
pub fn floats(bytes: &[u8]) -> Cow<'_, [f32]> {
    // SAFETY: any four bytes are an f32; `align_to` sees to their alignment.
    match unsafe { bytes.align_to::<f32>() } {
        ([], floats, []) => Cow::Borrowed(floats),
        _ => Cow::Owned(bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_ne_bytes(bytes)).collect()),
    }
}

/// An argument of such a type.
#[derive(Clone, Copy, Debug)]
pub struct Varlena<'fcx>(pub &'fcx [u8]);

impl FromDatum for Varlena<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the argument has a type of variable length.
        (!is_null).then(|| Self(unsafe { bytes_of(datum.cast_mut_ptr()) }))
    }
}

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx> ArgAbi<'fcx> for Varlena<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(Self(&[]))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

/// An argument of such a type that is constant over many calls: if it is stored out of line, it is fetched only when it
/// changes rather than for every row.
#[derive(Clone, Copy, Debug)]
pub struct StableVarlena<'fcx>(pub &'fcx [u8]);

/// The cached copy of a value, and where it is stored.
struct Fetched {
    place: pg_sys::varatt_external,
    copy: *mut pg_sys::varlena,
}

// SAFETY: reads the datum as its type says. A place names the same bytes as long as a query can see
// them; what is kept lives as long as the call's own information, in the context made for that.
unsafe impl<'fcx> ArgAbi<'fcx> for StableVarlena<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        let index = arg.index();
        unsafe {
            let call = pg_sys::FunctionCallInfo::unbox_arg_unchecked(arg);
            let stored = (*call).args.as_slice((*call).nargs as usize)[index].value.cast_mut_ptr();
            let apart = pgrx::varlena::varatt_is_1b_e(stored)
                && u32::from(pgrx::varlena::vartag_1b_e(stored)) == pg_sys::vartag_external::VARTAG_ONDISK;
            if !apart {
                return Self(bytes_of(stored));
            }
            let place = stored.cast::<u8>().add(2).cast::<pg_sys::varatt_external>().read_unaligned();
            let information = (*call).flinfo;
            let mut fetched = (*information).fn_extra.cast::<Fetched>();
            if fetched.is_null() {
                fetched = pg_sys::MemoryContextAllocZero((*information).fn_mcxt, size_of::<Fetched>()).cast();
                (*information).fn_extra = fetched.cast();
            }
            let key = |place: &pg_sys::varatt_external| {
                (place.va_rawsize, place.va_extinfo, place.va_valueid, place.va_toastrelid)
            };
            if (*fetched).copy.is_null() || key(&(*fetched).place) != key(&place) {
                let before = pg_sys::MemoryContextSwitchTo((*information).fn_mcxt);
                let copy = pg_sys::pg_detoast_datum(stored);
                pg_sys::MemoryContextSwitchTo(before);
                if !(*fetched).copy.is_null() {
                    pg_sys::pfree((*fetched).copy.cast());
                }
                fetched.write(Fetched { place, copy });
            }
            Self(bytes_of((*fetched).copy))
        }
    }
}

/// A result of such a type.
pub struct VarlenaValue(pub Vec<u8>);

// SAFETY: the datum is a varlena of those bytes in the context of the call.
unsafe impl BoxRet for VarlenaValue {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        unsafe { self.0.as_slice().box_into(fcinfo) }
    }
}

/// The argument of a receive function (type `internal`): the bytes that a client sent in the binary protocol.
pub struct ReceivedBytes<'fcx>(pub &'fcx [u8]);

impl FromDatum for ReceivedBytes<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: a receive function is given the message, and is to read it to its end.
        unsafe {
            let message = &mut *datum.cast_mut_ptr::<pg_sys::StringInfoData>();
            let start = message.data.add(message.cursor as usize).cast::<u8>();
            let length = (message.len - message.cursor).max(0) as usize;
            message.cursor = message.len;
            Some(Self(std::slice::from_raw_parts(start, length)))
        }
    }
}

// SAFETY: only receive functions have it.
unsafe impl<'fcx> ArgAbi<'fcx> for ReceivedBytes<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(Self(&[]))
    }
}

pgrx::impl_sql_translatable!(Varlena<'_>, "segrec_clusters");
pgrx::impl_sql_translatable!(StableVarlena<'_>, "segrec_clusters");
pgrx::impl_sql_translatable!(VarlenaValue, "segrec_clusters");
pgrx::impl_sql_translatable!(ReceivedBytes<'_>, "internal");
