//! Converts text between the server's encoding and UTF-8.
//!
//! pgrx assumes that all text is UTF-8 and panics if it is not. Here text in another encoding is converted, and text
//! that cannot be is rejected with a proper error.

use crate::error::{Result, SegrecError};
use pgrx::pg_sys;
use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};

const UTF8: c_int = pg_sys::pg_enc::PG_UTF8 as c_int;
const SQL_ASCII: c_int = pg_sys::pg_enc::PG_SQL_ASCII as c_int;

/// How to treat the server's bytes: as UTF-8, as unchecked bytes (SQL_ASCII), or as text to convert.
enum Encoding {
    Utf8,
    Unknown,
    Other,
}

fn encoding() -> Encoding {
    // SAFETY: it reads a number that does not change while a session is in its database.
    match unsafe { pg_sys::GetDatabaseEncoding() } {
        UTF8 => Encoding::Utf8,
        SQL_ASCII => Encoding::Unknown,
        _ => Encoding::Other,
    }
}

/// The name of the server's encoding.
pub fn encoding_name() -> String {
    // SAFETY: the name is a constant of PostgreSQL's, in ASCII.
    unsafe { CStr::from_ptr(pg_sys::GetDatabaseEncodingName()) }.to_string_lossy().into_owned()
}

/// Converts text from the server's encoding to UTF-8. If a character has no equivalent, PostgreSQL raises its own
/// error.
///
/// # Errors
/// In SQL_ASCII, if the bytes are not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>> {
    if let Encoding::Other = encoding()
        && !bytes.is_ascii()
    {
        // SAFETY: it reads as many bytes as it is told, and answers with a copy of its own.
        let converted = unsafe {
            let converted = pg_sys::pg_server_to_any(bytes.as_ptr().cast(), bytes.len() as c_int, UTF8);
            taken(converted, bytes)
        };
        return String::from_utf8(converted).map(Cow::Owned).map_err(|_| not_utf8());
    }
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| not_utf8())
}

fn not_utf8() -> SegrecError {
    SegrecError::NotUtf8 { encoding: encoding_name() }
}

/// Converts text to the server's encoding. Signs of our own messages that have no equivalent are replaced by ASCII; for
/// other characters without equivalent, PostgreSQL raises its own error.
///
/// # Errors
/// If the text contains a zero byte, which PostgreSQL does not allow.
pub fn encode(text: &str) -> Result<Cow<'_, [u8]>> {
    if text.contains('\0') {
        return Err(SegrecError::ZeroByte);
    }
    if text.is_ascii() || !matches!(encoding(), Encoding::Other) {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let (converted, length) = convert(text);
    if length == text.len() {
        return Ok(Cow::Owned(converted));
    }
    let text: String =
        text.chars().map(|sign| in_ascii(sign).map_or(sign.to_string(), str::to_owned)).collect();
    // SAFETY: as in `decode`.
    Ok(Cow::Owned(unsafe {
        let converted = pg_sys::pg_any_to_server(text.as_ptr().cast(), text.len() as c_int, UTF8);
        taken(converted, text.as_bytes())
    }))
}

/// Converts text to a NUL-terminated string in the server's encoding, as PostgreSQL's functions take it.
///
/// # Errors
/// As [`encode`].
pub fn c_text(text: &str) -> Result<CString> {
    CString::new(encode(text)?.into_owned()).map_err(|_| SegrecError::ZeroByte)
}

/// The ASCII replacements of non-ASCII characters in our own rules, reasons and messages.
fn in_ascii(sign: char) -> Option<&'static str> {
    match sign {
        '≤' => Some("<="),
        '≠' => Some("<>"),
        '±' => Some("+-"),
        '…' => Some("..."),
        _ => None,
    }
}

/// The maximum number of bytes converted at once. Four times as many fit into a C int and are below PostgreSQL's own
/// limit.
const MOST_CONVERTED: usize = 200 << 20;

/// Converts the longest possible prefix of a text to the server's encoding, and returns it with the length of that
/// prefix. Converts nothing outside a transaction, because conversions are looked up in the catalog.
fn convert(text: &str) -> (Vec<u8>, usize) {
    // SAFETY: both are encodings of PostgreSQL's, and the catalog is read inside a transaction only. The conversion
    // reads the text's bytes, writes at most as many as there is room for and a zero byte, and says how far it came.
    unsafe {
        if text.len() > MOST_CONVERTED || !pg_sys::IsTransactionState() {
            return (Vec::new(), 0);
        }
        let server = pg_sys::GetDatabaseEncoding();
        let conversion = pg_sys::FindDefaultConversionProc(UTF8, server);
        if conversion == pg_sys::InvalidOid {
            return (Vec::new(), 0);
        }
        let mut room = vec![0_u8; text.len() * pg_sys::MAX_CONVERSION_GROWTH as usize + 1];
        let length = pg_sys::pg_do_encoding_conversion_buf(
            conversion,
            UTF8,
            server,
            text.as_ptr().cast_mut(),
            text.len() as c_int,
            room.as_mut_ptr().cast(),
            room.len() as c_int,
            true,
        );
        room.truncate(room.iter().position(|&byte| byte == 0).unwrap_or(room.len()));
        (room, length.max(0) as usize)
    }
}

/// Takes ownership of the result of a conversion, which is the text itself if there was nothing to convert.
///
/// # Safety
/// `converted` is `text`, or a NUL-terminated string that we must free.
unsafe fn taken(converted: *mut std::ffi::c_char, text: &[u8]) -> Vec<u8> {
    if std::ptr::eq(converted.cast_const().cast(), text.as_ptr()) {
        return text.to_vec();
    }
    // SAFETY: guaranteed by the caller.
    unsafe {
        let copy = CStr::from_ptr(converted).to_bytes().to_vec();
        pg_sys::pfree(converted.cast());
        copy
    }
}

/// Converts a message to the server's encoding; characters without equivalent become `?`.
///
/// The result may not be valid UTF-8. It may only be passed to PostgreSQL byte by byte.
pub fn message(text: String) -> String {
    let text = text.replace('\0', "?");
    if text.is_ascii() || !matches!(encoding(), Encoding::Other) {
        return text;
    }
    let (mut said, mut rest) = (Vec::new(), text.as_str());
    loop {
        let (converted, length) = convert(rest);
        said.extend(converted);
        let mut left = rest.get(length..).unwrap_or_default().chars();
        match left.next() {
            // SAFETY: pgrx copies the bytes of a message to PostgreSQL and does not look at them.
            None => return unsafe { String::from_utf8_unchecked(said) },
            Some(sign) if sign.is_ascii() => said.push(sign as u8),
            Some(sign) => said.extend(in_ascii(sign).unwrap_or("?").bytes()),
        }
        rest = left.as_str();
    }
}
