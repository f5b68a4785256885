//! Settings of other extensions and of the server.

use pgrx::pg_sys;
use std::ffi::CStr;

/// The value of a setting, even if the caller may not see it; `None` if there is no such setting.
pub fn read(name: &CStr) -> Option<String> {
    // SAFETY: the name ends with a zero byte. What is given lives until the setting is changed, and is copied before.
    let value = unsafe { pg_sys::GetConfigOption(name.as_ptr(), true, false) };
    // SAFETY: not null, and ends with a zero byte.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned())
}
