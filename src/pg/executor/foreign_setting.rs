//! Settings of other extensions and of the server.

use pgrx::pg_sys;
use std::ffi::CStr;

/// The value of a setting, even if the caller may not see it; `None` if there is no such setting.
pub fn read(name: &CStr) -> Option<String> {
    // SAFETY: the name is NUL-terminated. The result lives until the setting is changed, and is copied before that.
    let value = unsafe { pg_sys::GetConfigOption(name.as_ptr(), true, false) };
    // SAFETY: not null, and NUL-terminated.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned())
}
