//! Values that a query is always run with, of types that are not known before the column is.

use super::encoding::c_text;
use crate::error::Result;
use pgrx::pg_sys;
use std::ffi::CString;

/// A value of a type, in the form that its input function takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    of: pg_sys::Oid,
    text: CString,
}

impl Constant {
    /// The value of the type `of` that is written like this.
    ///
    /// # Errors
    /// If the text contains a character that PostgreSQL does not accept.
    pub fn new(of: pg_sys::Oid, text: &str) -> Result<Self> {
        Ok(Self { of, text: c_text(text)? })
    }

    /// The oid of its type.
    pub fn oid(&self) -> pg_sys::Oid {
        self.of
    }

    /// The datum, in the current memory context. Raises PostgreSQL's own error if the type has no such value any more.
    pub fn datum(&self) -> pg_sys::Datum {
        let (mut input, mut element) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
        // SAFETY: looks the type up, and calls its input function with a NUL-terminated text, which it does not change.
        unsafe {
            pg_sys::getTypeInputInfo(self.of, &mut input, &mut element);
            pg_sys::OidInputFunctionCall(input, self.text.as_ptr().cast_mut(), element, -1)
        }
    }
}
